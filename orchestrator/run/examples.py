"""Executable examples → a pytest file a person likes to read. Pure.

Each test names its criterion. Imports stand inside the tests: a name that does not exist yet must fail its own test, not the whole file.
The tests are what the agent sees and what stays in the repository; the oracle judges the same examples where nothing can be forged.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from textwrap import indent

from orchestrator.model import Example, Task
from orchestrator.plan.outline import slug
from orchestrator.run.oracle import tolerance

HEAD = '''"""{title}

Made by the orchestrator from the examples of {path}; each test names its criterion. Edit the PRD, not this file.
"""
'''

CONSOLE = '''

def console(command, expected, tmp_path, stdin="", before=()):
    """(what the command shows, its exit code), run in `tmp_path` with this project importable.

    A terminal shows standard output and errors alike: `expected` may be the first alone or both.
    """
    root = Path(__file__).resolve().parents[{depth}]
    sources = [str(path) for path in (root / "src", root) if path.is_dir()]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    env = {{**os.environ, "PYTHONPATH": os.pathsep.join(sources), "PATH": path}}
    for earlier in before:
        subprocess.run(earlier, shell=True, cwd=tmp_path, env=env, capture_output=True)
    done = subprocess.run(command, shell=True, cwd=tmp_path, env=env, input=stdin, capture_output=True, text=True)
    texts = (done.stdout, done.stdout + done.stderr, done.stderr + done.stdout)
    shown = ["\\n".join(line.rstrip() for line in text.rstrip().split("\\n")) for text in texts]
    return expected if expected in shown else shown[1], done.returncode
'''


def test_file(task: Task, path: str, examples: tuple[Example, ...]) -> str:
    """The test file of a task for these examples (the visible ones). `path`: the PRD's."""
    wanted = {example.id for example in examples}
    parts: list[str] = []
    for requirement in task.requirements:
        for criterion in requirement.criteria:
            for example in criterion.examples:
                if example.id in wanted:
                    text = " ".join(criterion.text.split())
                    parts.append(_test(name_of(task, example), f"{criterion.id}: {text}" if text else criterion.id, example))
    body = "\n\n".join(parts)
    console = any(example.compare == "console" for example in examples)
    imports = [name for name in ("os", "re", "subprocess", "sys") if (console and name in ("os", "subprocess", "sys")) or f"{name}." in body]
    lines = [f"import {name}" for name in imports] + (["from pathlib import Path"] if console else [])
    head = HEAD.format(title=_docstring(f"{task.id}: {task.goal}"), path=path)
    if lines:
        head += "\n" + "\n".join(lines) + "\n"
    if "pytest." in body:
        head += "\nimport pytest\n"
    if console:
        head += CONSOLE.format(depth=task.test_file.count("/"))
    return f"{head}\n\n{body}"


def name_of(task: Task, example: Example) -> str:
    """The name of an example's test: criterion, words of its text, and a number where it has several examples or the name is taken."""
    names = _names(task)
    return names[example.id]


def _names(task: Task) -> dict[str, str]:
    found: dict[str, str] = {}
    several = Counter(slug(criterion.key) for criterion in task.criteria)
    for requirement in task.requirements:
        for criterion in requirement.criteria:
            key = slug(criterion.key) if several[slug(criterion.key)] == 1 else f"{slug(requirement.key)}_{slug(criterion.key)}"
            words = "_".join(slug(criterion.text).split("_")[:9])[:60].strip("_")
            for number, example in enumerate(criterion.examples, 1):
                tail = f"_{number}" if len(criterion.examples) > 1 else ""
                found[example.id] = "_".join(part for part in ("test", key, words) if part) + tail
    return found


def node_of(task: Task, example: Example) -> str:
    """pytest node id of an example's test."""
    return f"{task.test_file}::{name_of(task, example)}"


def _docstring(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace('"""', "'''").rstrip('"')[:300]


def _test(name: str, title: str, example: Example) -> str:
    fixtures: list[str] = []
    lines: list[str] = [f'"""{_docstring(title)}"""']
    if example.compare == "console":
        fixtures.append("tmp_path")
        lines += _files(example) + _console(example)
    else:
        if example.files:
            fixtures += ["tmp_path", "monkeypatch"]
            lines += [*_files(example), "monkeypatch.chdir(tmp_path)"]
        lines += [_safe_to_indent(source.strip("\n")) for source in example.setup]
        if example.compare == "text":
            fixtures.append("capsys")
        lines += _assertion(example)
    return f"def {name}({', '.join(fixtures)}):\n{indent(chr(10).join(lines), '    ', _outside_strings)}\n"


def _outside_strings(line: str) -> bool:
    return bool(line.strip())


def _files(example: Example) -> list[str]:
    lines = []
    for item in example.files:
        target = f"tmp_path / {item.name!r}"
        if "/" in item.name:
            lines.append(f"({target}).parent.mkdir(parents=True, exist_ok=True)")
        lines.append(f"({target}).write_text({item.text!r})")
    return lines


def _console(example: Example) -> list[str]:
    expected = "\n".join(line.rstrip() for line in example.expected.rstrip().split("\n"))
    arguments = [repr(example.call), "expected", "tmp_path"]
    if example.stdin:
        arguments.append(f"stdin={example.stdin!r}")
    if example.setup:
        arguments.append(f"before={tuple(example.setup)!r}")
    return [f"expected = {expected!r}", f"assert console({', '.join(arguments)}) == (expected, {example.exit_code})"]


def _assertion(example: Example) -> list[str]:
    call = _one_line(example.call)
    if example.compare == "raises":
        return _raises(example, call)
    if example.compare == "text":
        lines = ["capsys.readouterr()"]
        if _is_expression(call):
            lines += [f"value = {call}", "if value is not None:", "    print(repr(value))"]
        else:
            lines.append(call)
        got = 'printed = "\\n".join(line.rstrip() for line in capsys.readouterr().out.rstrip().split("\\n"))'
        expected = "\n".join(line.rstrip() for line in example.expected.rstrip().split("\n"))
        if example.ellipsis and "..." in expected:
            pattern = ".*".join(re.escape(part) for part in expected.split("..."))
            return [*lines, got, f"assert re.fullmatch({pattern!r}, printed, re.DOTALL)"]
        return [*lines, got, f"assert printed == {expected!r}"]
    subject = call if _is_simple(call) else f"({call})"
    if example.compare == "approx":
        number = example.expected.strip().lstrip("≈").strip()
        return [f"assert {subject} == pytest.approx({number}, abs={tolerance(number)!r})"]
    value = ast.literal_eval(example.expected.strip())
    if value is None or isinstance(value, bool):
        return [f"assert {subject} is {value}"]
    return [f"assert {subject} == {_one_line(example.expected)}"]


def _raises(example: Example, call: str) -> list[str]:
    kind = example.raises
    known = isinstance(getattr(builtins, kind, None), type)
    head = f"with pytest.raises({kind if known else 'Exception'}) as caught:"
    lines = [head, indent(call, "    ")]
    if not known:
        lines.append(f"assert type(caught.value).__name__ == {kind.rpartition('.')[2]!r}")
    if example.expected == "...":
        return lines
    if "..." in example.expected:
        pattern = ".*".join(re.escape(part) for part in example.expected.split("..."))
        return [*lines, f"assert re.fullmatch({pattern!r}, str(caught.value), re.DOTALL)"]
    return [*lines, f"assert str(caught.value) == {example.expected!r}"]


def _safe_to_indent(source: str) -> str:
    """Indenting must not reach into a string that spans lines."""
    return ast.unparse(ast.parse(source)) if "\n" in source and ('"""' in source or "'''" in source) else source


def _one_line(source: str) -> str:
    """The source as `ast.unparse` writes it when it is one expression over several lines; else as it is."""
    source = source.strip()
    if "\n" in source and _is_expression(source):
        return ast.unparse(ast.parse(source, mode="eval"))
    return source


def _is_expression(source: str) -> bool:
    try:
        ast.parse(source, mode="eval")
    except SyntaxError:
        return False
    return True


def _is_simple(source: str) -> bool:
    node = ast.parse(source, mode="eval").body
    return isinstance(node, (ast.Call, ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.List, ast.Dict, ast.Set, ast.BinOp))
