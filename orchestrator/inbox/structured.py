"""A PRD in YAML or JSON → the same PRD as Markdown lines, each with the line it comes from. Pure.

The Markdown reader is the only one that knows what a requirement, a criterion and an example are. This one only writes down, key by key, what
stands in the file; `Written.source` brings every line number back.

    title: Library loans            and every other key of the front matter
    context: free prose
    requirements:
      - id: R2
        title: Lend a book
        module: library/loans.py    depends_on, priority, complexity, type, text; files: {books.csv: "…"}
        criteria:
          - a sentence
          - id: AC2
            text: overdue books cost a fine
            examples:
              - {call: fine(10), gives: 2.5}                    or raises, about, prints
              - {call: "fine(days)", rows: [[0, 0.0], [10, 2.5]]}
              - {run: python -m library.loans --who Emma, input: "", prints: "ann", exit: 0}
              - |
                >>> from library.loans import fine
                >>> fine(4)
                1.0
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.inbox import frontmatter
from orchestrator.inbox.doctests import Remark
from orchestrator.inbox.names import did_you_mean

REQUIREMENT = ("id", "title", "text", "module", "depends_on", "priority", "complexity", "type", "phase", "files", "criteria", "examples")
ATTRIBUTES = {name: name.replace("_", " ").capitalize() for name in ("module", "depends_on", "priority", "complexity", "type", "phase")}
"""Key of a requirement → its attribute line."""
CRITERION = ("id", "text", "examples", "files")
EXAMPLE = ("call", "setup", "gives", "about", "raises", "prints", "rows", "run", "input", "exit")
PROSE = ("context", "overview", "description", "requirements")
"""Keys at the top that are no front matter."""


@dataclass(frozen=True)
class Item:
    """A value and where it stands."""

    value: Any
    """A text, a number, true, false, None, a list of Items, or a dict of Items."""
    line: int
    inside: bool = False
    """A text whose lines stand in the file as they are, from the next line on."""


@dataclass
class Written:
    lines: list[str] = field(default_factory=list)
    source: list[int] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def add(self, text: str, line: int) -> None:
        self.lines += text.split("\n")
        self.source += [line] * (text.count("\n") + 1)

    def block(self, item: Item, indent: str = "") -> None:
        """A text of several lines."""
        for number, line in enumerate(str(item.value).rstrip("\n").split("\n")):
            self.add(f"{indent}{line}".rstrip(), item.line + number + 1 if item.inside else item.line)

    def say(self, line: int, code: str, message: str, hint: str = "") -> None:
        self.remarks.append(Remark(line, code, message, hint))


def read(text: str, *, is_json: bool) -> tuple[Item | None, list[Remark]]:
    """The file's values with their lines; None when it cannot be read."""
    import yaml

    if is_json:
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            return None, [Remark(error.lineno, "bad-json", f"not valid JSON: {error.msg}", "check the line and the one before it")]
        except (RecursionError, ValueError) as error:
            return None, [Remark(1, "bad-json", f"not valid JSON: {str(error)[:80] or type(error).__name__}")]
        text = _as_yaml(text)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader) if "*" in text else ():
            if isinstance(event, yaml.AliasEvent):
                message = f"the alias `*{event.anchor}` is refused: aliases can unfold into more than any memory holds"
                return None, [Remark(event.start_mark.line + 1 if event.start_mark else 1, "yaml-bomb", message, "write the value out")]
        built = yaml.SafeLoader("")
        node = yaml.compose(text, Loader=loader)
        remarks: list[Remark] = []
        return (None, []) if node is None else (_item(built, node, remarks), remarks)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        said = getattr(error, "problem", None) or "it cannot be read"
        return None, [Remark(mark.line + 1 if mark else 1, "bad-yaml", f"not valid YAML: {said}", "text with `:` or `#` in it wants quotes")]
    except (RecursionError, ValueError, OverflowError, TypeError) as error:
        return None, [Remark(1, "bad-yaml", f"not valid YAML: {type(error).__name__}: {str(error)[:80]}")]


def _as_yaml(text: str) -> str:
    """JSON without what only JSON allows: tabs between values, `\\/`, and characters written as two halves."""

    def escape(match: re.Match[str]) -> str:
        whole = match[0]
        if whole == "\\/":
            return "/"
        return json.loads(f'"{whole}"') if len(whole) == 12 else whole

    pair = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    return re.sub(rf"{pair}|\\.", escape, text.replace("\t", " "))


def _item(loader: Any, node: Any, remarks: list[Remark]) -> Item:
    import yaml

    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Item] = {}
        first: dict[str, int] = {}
        for key_node, value in node.value:
            key, place = str(getattr(key_node, "value", "?")), key_node.start_mark.line + 1
            if key in found:
                remarks.append(Remark(place, "duplicate-key", f"`{key}` is given twice, first on line {first[key]}", "keep one of them"))
            first.setdefault(key, place)
            found[key] = _item(loader, value, remarks)
        return Item(found, line)
    if isinstance(node, yaml.SequenceNode):
        return Item([_item(loader, each, remarks) for each in node.value], line)
    value = frontmatter.scalar(loader, node)
    value = value if isinstance(value, str | int | float | bool | None) else node.value
    return Item(value, line, node.style == "|")


# --- as Markdown ---------------------------------------------------------------------------------------------------------


def written(item: Item) -> Written:
    """The PRD as Markdown. What cannot be written down is a remark."""
    out = Written()
    if not isinstance(item.value, dict):
        out.say(item.line, "wrong-type", "a PRD is a group of keys: title, requirements, …", "see docs/prd-format.md, `YAML and JSON`")
        return out
    top: dict[str, Item] = item.value
    _front(out, top)
    for key in PROSE[:3]:
        if (prose := top.get(key)) is not None and prose.value:
            out.add("", prose.line)
            out.block(prose)
    out.add("\n## Requirements", top["requirements"].line if "requirements" in top else item.line)
    given = top.get("requirements")
    for requirement in _list(out, given, "requirements"):
        _requirement(out, requirement)
    return out


def _front(out: Written, top: Mapping[str, Item]) -> None:
    out.add("---", 1)
    for key, item in top.items():
        if key in PROSE:
            continue
        if isinstance(item.value, dict) and isinstance(frontmatter.KEYS.get(key), dict):
            out.add(f"{key}:", item.line)
            for name, inner in item.value.items():
                out.add(f"  {name}: {json.dumps(_plain(inner), ensure_ascii=False)}", inner.line)
        else:
            out.add(f"{json.dumps(key)}: {json.dumps(_plain(item), ensure_ascii=False)}", item.line)
    out.add("---", 1)


def _requirement(out: Written, item: Item) -> None:
    values = _keys(out, item, REQUIREMENT, "a requirement")
    if values is None:
        return
    title = " ".join(_text(values.get("title")).split()) or _text(values.get("text")).split("\n")[0][:80]
    key = " ".join(_text(values.get("id")).split())
    out.add(f"\n### {f'{key}: {title}' if key else title}", (values.get("id") or values.get("title") or item).line)
    for name, words in ATTRIBUTES.items():
        if (value := values.get(name)) is not None and value.value not in (None, "", []):
            shown = ", ".join(_text(each) for each in value.value) if isinstance(value.value, list) else _text(value)
            out.add(f"{words}: {' '.join(shown.split())}", value.line)
    if (text := values.get("text")) is not None and text.value:
        out.add("", text.line)
        out.block(text)
    _files(out, values.get("files"), "")
    module = _text(values.get("module"))
    for number, criterion in enumerate(_list(out, values.get("criteria"), "criteria"), 1):
        _criterion(out, criterion, number, module)
    for example in _list(out, values.get("examples"), "examples"):
        _example(out, example, module, "")


def _criterion(out: Written, item: Item, number: int, module: str) -> None:
    values = (_keys(out, item, CRITERION, "a criterion") or {}) if isinstance(item.value, dict) else {"text": item}
    text = values.get("text", Item("", item.line))
    key = _text(values.get("id")) or f"AC{number}"
    out.add(f"\n- {key}: {' '.join(_text(text).split())}", (values.get("id") or text).line)
    _files(out, values.get("files"), "  ")
    for example in _list(out, values.get("examples"), "examples"):
        _example(out, example, module, "  ")


def _files(out: Written, item: Item | None, indent: str) -> None:
    if item is None or item.value is None:
        return
    if not isinstance(item.value, dict):
        out.say(item.line, "wrong-type", "`files` is a group: the name of each file, and its text", "files: {books.csv: |…}")
        return
    for name, text in item.value.items():
        suffix = name.rpartition(".")[2] if "." in name else "text"
        _fence(out, f"{suffix} {name}", text, indent)


def _fence(out: Written, info: str, text: Item, indent: str) -> None:
    longest = max((len(run) for run in re.findall(r"`+", str(text.value))), default=0)
    mark = "`" * max(3, longest + 1)
    out.add(f"\n{indent}{mark}{info}", text.line)
    if str(text.value):
        out.block(text, indent)
    out.add(f"{indent}{mark}", text.line)


def _example(out: Written, item: Item, module: str, indent: str) -> None:
    if isinstance(item.value, str):
        first = item.value.lstrip()
        if first.startswith("|"):
            out.add("", item.line)
            out.block(item, indent)
        elif first.startswith((">>>", "$ ")):
            _fence(out, "python" if first.startswith(">>>") else "console", item, indent)
        else:
            message = f"an example is a session (`>>> …`, `$ …`), a table, or keys; this begins with `{first[:30]}`"
            out.say(item.line, "bad-example", message, "for example {call: fine(10), gives: 2.5}")
        return
    values = _keys(out, item, EXAMPLE, "an example")
    if values is None:
        return
    if "rows" in values:
        _table(out, values, item, indent)
    elif "run" in values:
        _command(out, values, indent)
    elif "call" in values:
        _call(out, values, item, module, indent)
    else:
        out.say(item.line, "bad-example", "an example says what is called (`call`) or run (`run`)", "for example {call: fine(10), gives: 2.5}")


def _table(out: Written, values: Mapping[str, Item], item: Item, indent: str) -> None:
    call = values.get("call")
    if call is None:
        out.say(item.line, "bad-example", "`rows` goes with `call`, the call that they fill in", 'for example {call: "fine(days)", rows: [[0, 0.0]]}')
        return
    out.add(f"\n{indent}| `{_text(call)}` | => |\n{indent}|---|---|", call.line)
    for row in _list(out, values["rows"], "rows"):
        cells = row.value
        if not isinstance(cells, list) or len(cells) < 2:
            out.say(row.line, "bad-example", "a row is a list: the arguments, then the answer", "for example [10, 2.5]")
            continue
        *arguments, answer = (_literal(each).replace("|", "\\|") for each in cells)
        out.add(f"{indent}| `{', '.join(arguments)}` | `{answer}` |", row.line)


def _command(out: Written, values: Mapping[str, Item], indent: str) -> None:
    run, given, shown, code = (values.get(name) for name in ("run", "input", "prints", "exit"))
    assert run is not None
    out.add(f"\n{indent}```console", run.line)
    if given is not None and given.value:
        out.add(f"{indent}$ {_text(run)} << END", run.line)
        out.block(given, indent)
        out.add(f"{indent}END", given.line)
    else:
        out.add(f"{indent}$ {_text(run)}", run.line)
    if shown is not None and shown.value not in (None, ""):
        out.block(shown, indent)
    if code is not None and code.value:
        out.add(f"{indent}(exit {_text(code)})", code.line)
    out.add(f"{indent}```", run.line)


def _call(out: Written, values: Mapping[str, Item], item: Item, module: str, indent: str) -> None:
    call = values["call"]
    answers = [name for name in ("gives", "about", "raises", "prints") if name in values]
    if len(answers) != 1:
        out.say(
            item.line, "bad-example", "an example has one answer: `gives`, `about`, `raises` or `prints`", "for example {call: fine(10), gives: 2.5}"
        )
        return
    setup = values.get("setup")
    before = [] if setup is None else [setup] if isinstance(setup.value, str) else _list(out, setup, "setup")
    out.add(f"\n{indent}```python", call.line)
    if names := _names([*(str(each.value) for each in before), _text(call)], module):
        out.add(f"{indent}>>> from {module.removesuffix('.py').removesuffix('/__init__').replace('/', '.')} import {', '.join(names)}", call.line)
    for each in before:
        out.add(f"{indent}>>> {_text(each)}", each.line)
    answer = values[answers[0]]
    nothing = answers[0] == "gives" and answer.value is None
    out.add(f"{indent}>>> {f'({_text(call)}) is None' if nothing else _text(call)}", call.line)
    if answers[0] == "raises":
        out.add(f"{indent}Traceback (most recent call last):\n{indent}{_text(answer)}", answer.line)
    elif answers[0] == "prints":
        out.block(answer, indent)
    elif answers[0] == "about":
        out.add(f"{indent}≈ {_text(answer)}", answer.line)
    else:
        out.add(f"{indent}{True if nothing else _literal(answer)}", answer.line)
    out.add(f"{indent}```", call.line)


def _names(sources: list[str], module: str) -> list[str]:
    """What statements use and do not make themselves: it comes from the requirement's module."""
    if not module or any(re.search(r"\bimport\b", source) for source in sources):
        return []
    import builtins

    used: dict[str, None] = {}
    made: set[str] = set()
    for source in sources:
        try:
            nodes = list(ast.walk(ast.parse(source.strip())))
        except (SyntaxError, ValueError):
            continue
        made |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        made |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        used |= {node.id: None for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return [name for name in used if name not in made and not hasattr(builtins, name)]


# --- values --------------------------------------------------------------------------------------------------------------


def _list(out: Written, item: Item | None, name: str) -> list[Item]:
    if item is None or item.value is None:
        return []
    if isinstance(item.value, list):
        return item.value
    if isinstance(item.value, str) and name == "examples":
        return [item]
    out.say(item.line, "wrong-type", f"`{name}` is {_shown(item)}, expected a list")
    return []


def _keys(out: Written, item: Item, known: tuple[str, ...], what: str) -> dict[str, Item] | None:
    if not isinstance(item.value, dict):
        out.say(item.line, "wrong-type", f"{what} is {_shown(item)}, expected keys: {', '.join(known)}")
        return None
    for key, value in item.value.items():
        if key not in known:
            out.say(value.line, "unknown-key", f"unknown key `{key}` of {what}{did_you_mean(key, known)}", f"known keys: {', '.join(known)}")
    return {key: value for key, value in item.value.items() if key in known}


def _text(item: Item | None) -> str:
    if item is None or item.value is None:
        return ""
    if isinstance(item.value, bool):
        return "true" if item.value else "false"
    return str(item.value).strip() if not isinstance(item.value, dict | list) else json.dumps(_plain(item))


def _literal(item: Item) -> str:
    """As Python writes it."""
    return repr(_plain(item))


def _plain(item: Item) -> Any:
    if isinstance(item.value, dict):
        return {key: _plain(value) for key, value in item.value.items()}
    return [_plain(each) for each in item.value] if isinstance(item.value, list) else item.value


def _shown(item: Item) -> str:
    return "a group of keys" if isinstance(item.value, dict) else "a list" if isinstance(item.value, list) else repr(item.value)[:60]
