"""Executable examples → a pytest file a person likes to read. Pure.

Each test names its criterion. Imports stand inside the tests: a name that does not exist yet must fail its own test, not the whole file.
The tests are what the agent sees and what stays in the repository; the oracle judges the same examples where nothing can be forged.
"""

from __future__ import annotations

import ast
import builtins
import io
import re
import tokenize
from collections import Counter

from orchestrator.model import Example, Task
from orchestrator.plan.outline import imported, is_place, slug, starred
from orchestrator.run.oracle import tolerance

HEAD = '''"""{title}

Made by the orchestrator from the examples of {path}; each test names its criterion. Edit the PRD, not this file.
"""
'''

CONSOLE = '''

def console(command, expected, tmp_path, stdin="", before=(), pattern=None):
    """(what the command shows, its exit code), run in `tmp_path` with this project importable.

    A terminal shows standard output and errors alike: `expected` may be the first alone or both.
    With a `pattern`, what matches it is taken for `expected`.
    """
    root = Path(__file__).resolve().parents[{depth}]
    own = (root / "src", root, *(Path(place) for place in sys.path if place and "site-packages" not in place))
    sources = [str(path) for path in dict.fromkeys(own) if path.is_dir() and path.is_relative_to(root)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    env = {{**os.environ, "PYTHONPATH": os.pathsep.join(sources), "PATH": path}}
{scripts}    for earlier in before:
        subprocess.run({earlier}, shell=True, cwd=tmp_path, env=env, capture_output=True)
    done = subprocess.run({command}, shell=True, cwd=tmp_path, env=env, input=stdin, capture_output=True, text=True, errors="replace")
    texts = (done.stdout, done.stdout + done.stderr, done.stderr + done.stdout)
    shown = ["\\n".join(line.rstrip() for line in text.rstrip().split("\\n")) for text in texts]
    if pattern and any(re.fullmatch(pattern, text, re.DOTALL) for text in shown):
        return expected, done.returncode
    return expected if expected in shown else shown[1], done.returncode
'''

SCRIPT = re.compile(r"(?<![\w./\x22\x27-])(python[\d.]*\s+)((?:\./)?(?:[\w-][\w.-]*/)*[\w-][\w.-]*\.py)(?![\w./-])")
"""A command that runs a script: the interpreter, the path. The oracle reads it alike."""

SCRIPTS = '''\

    def placed(command):
        """The command with the place of this project's own scripts, unless `tmp_path` has a file of that name."""

        def place(match):
            found = next((path for source in (root, *sources) if (path := Path(source, match[2])).is_file()), None)
            return match[0] if found is None or (tmp_path / match[2]).exists() else match[1] + shlex.quote(str(found))

        return re.sub(r"{pattern}", place, command)

'''

FRESH = '''

@pytest.fixture(autouse=True)
def fresh():
    """Each test begins with modules that remember nothing."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {modules}]:
        del sys.modules[name]
'''


def test_file(task: Task, path: str, examples: tuple[Example, ...], *, fresh: bool = False) -> str:
    """The test file of a task for these examples (the visible ones, as they are shown). `path`: the PRD's.

    `fresh`: the modules remember something from one call to the next, and each test must begin anew, as each example does.
    """
    wanted = {example.id: example for example in examples}
    parts: list[str] = []
    for requirement in task.requirements:
        for criterion in requirement.criteria:
            for identity in (item.id for item in criterion.examples):
                if example := wanted.get(identity):
                    text = "" if is_place(criterion.text) else " ".join(criterion.text.split())
                    parts.append(_test(name_of(task, example), f"{criterion.id}: {text}" if text else criterion.id, example))
    body = "\n\n".join(parts)
    console = any(example.compare == "console" for example in examples)
    modules = tuple(sorted({path.partition("/")[0].removesuffix(".py") for example in examples for path, _ in imported(example)})) if fresh else ()
    body = FRESH.format(modules=modules).strip("\n") + f"\n\n\n{body}" if modules else body
    commands = (command for example in examples if example.compare == "console" for command in (*example.setup, example.call))
    script = any(SCRIPT.search(command) for command in commands)
    imports = [name for name in ("os", "re", "shlex", "subprocess", "sys") if (script if name == "shlex" else console) or f"{name}." in body]
    lines = [f"import {name}" for name in imports] + (["from pathlib import Path"] if console else [])
    head = HEAD.format(title=_docstring(f"{task.id}: {task.goal}"), path=_docstring(path))
    if lines:
        head += "\n" + "\n".join(lines) + "\n"
    if "pytest." in body:
        head += "\nimport pytest\n"
    if console:
        scripts = SCRIPTS.format(pattern=SCRIPT.pattern) if script else ""
        earlier, command = ("placed(earlier)", "placed(command)") if script else ("earlier", "command")
        head += CONSOLE.format(depth=task.test_file.count("/"), scripts=scripts, earlier=earlier, command=command)
    return f"{head}\n\n{body}"


def name_of(task: Task, example: Example) -> str:
    """The name of an example's test: criterion, words of its text, and a number where it has several examples or the name is taken.

    Never a line number, which moves.
    """
    names = _names(task)
    return names[example.id]


def _names(task: Task) -> dict[str, str]:
    found: dict[str, str] = {}
    taken: set[str] = set()
    several = Counter(slug(criterion.key) for criterion in task.criteria)
    for requirement in task.requirements:
        for criterion in requirement.criteria:
            key = slug(criterion.key) if several[slug(criterion.key)] == 1 else f"{slug(requirement.key)}_{slug(criterion.key)}"
            words = "" if is_place(criterion.text) else "_".join(slug(criterion.text).split("_")[:9])[:60].strip("_")
            for number, example in enumerate(criterion.examples, 1):
                tail = f"_{number}" if len(criterion.examples) > 1 else ""
                name = "_".join(part for part in ("test", key, words) if part) + tail
                while name in taken:
                    name += "_again"
                taken.add(name)
                found[example.id] = name
    return found


def node_of(task: Task, example: Example) -> str:
    """pytest node id of an example's test."""
    return f"{task.test_file}::{name_of(task, example)}"


def _docstring(text: str) -> str:
    shown = "".join(char if char.isprintable() else " " for char in " ".join(text.split())[:300])
    return shown.replace("\\", "\\\\").replace('"""', "'''").rstrip('"')


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
        lines += [_importable(source.strip("\n"), example) for source in example.setup]
        if example.compare == "text":
            fixtures.append("capsys")
        lines += _assertion(example)
    return f"def {name}({', '.join(fixtures)}):\n{_indented(chr(10).join(lines))}\n"


def _indented(source: str) -> str:
    """The source four columns in. Lines that begin inside a string stay as they are: its text must not change."""
    inside: set[int] = set()
    opened: list[int] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            kind = tokenize.tok_name[token.type]
            if kind == "FSTRING_START":
                opened.append(token.start[0])
            start = opened.pop() if kind == "FSTRING_END" else token.start[0]
            if kind in ("STRING", "FSTRING_END"):
                inside.update(range(start + 1, token.end[0] + 1))
    except (tokenize.TokenError, IndentationError):
        pass
    lines = source.split("\n")
    return "\n".join(line if number in inside or not line.strip() else f"    {line}" for number, line in enumerate(lines, 1))


def _importable(source: str, example: Example) -> str:
    """`from module import *` is not allowed inside a function: the names that the example uses take the star's place.

    Where several stars could have given a name, they go to the file's own names.
    """
    if not _stars(source):
        return source
    names = starred(example)
    if not names or sum(_stars(statement) for statement in example.setup) > 1:
        return f"exec({source!r}, globals())"
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            node.names = [ast.alias(name) for name in names]
    return ast.unparse(tree)


def _stars(source: str) -> int:
    return sum(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.parse(source).body)


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
    if example.ellipsis and "..." in expected:
        arguments.append(f"pattern={'.*'.join(re.escape(part) for part in expected.split('...'))!r}")
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
    found = getattr(builtins, kind, None)
    known = isinstance(found, type) and issubclass(found, BaseException)
    head = f"with pytest.raises({kind if known else 'Exception'}) as caught:"
    lines = [head, _indented(call)]
    if not known:
        lines.append(f"assert type(caught.value).__name__ == {kind.rpartition('.')[2]!r}")
    if example.expected == "...":
        return lines
    if "..." in example.expected:
        pattern = ".*".join(re.escape(part) for part in example.expected.split("..."))
        return [*lines, f"assert re.fullmatch({pattern!r}, str(caught.value), re.DOTALL)"]
    return [*lines, f"assert str(caught.value) == {example.expected!r}"]


def _one_line(source: str) -> str:
    """The source as `ast.unparse` writes it when it is one expression over several lines or with a comment; else as it is."""
    source = source.strip()
    if ("\n" in source or "#" in source) and _is_expression(source):
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
