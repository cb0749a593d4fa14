"""Reports with a payload in every string that a PRD, an agent or a program could have written, made by walking the models: what they gain is covered too."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin
from xml.sax.saxutils import escape, quoteattr

from pydantic import AwareDatetime, BaseModel

from orchestrator.save import reports as r
from orchestrator.save.limits_report import LimitsReport
from orchestrator.save.schedule_report import ScheduleReport
from orchestrator.save.told_line import ToldLine

PAYLOAD = (
    "\"><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\"><svg onload=alert(1)>"
    "[a](javascript:alert(1)) ![b](https://evil.example/x.png) <https://evil.example> {{7*7}} {% x %} </script></style>"
    "' onmouseover='document.title=1 \x1b]8;;https://evil.example\x07\x1b[31m\u202e\x00\x07 `<b>` ```mermaid\ngraph LR\n```\n"
    "orchestratortitlemarker <h1>orchestratorbodymarker</h1> ../../../../etc/passwd %3Cscript%3E &lt;script&gt;\n"
)
"""Everything at once."""

PAYLOADS = {
    "all": PAYLOAD,
    "script": "</title></textarea></style></script><script>document.title='pwned';fetch('https://evil.example/')</script><!--",
    "attribute": "\" autofocus onfocus=document.title='pwned' style=position:fixed x=\"' onmouseover='alert(1)",
    "javascript": "javascript:document.title='pwned'//%0adocument.title='pwned'",
    "data": "data:text/html,<script>opener.document.title='pwned'</script>",
    "markdown": "[click](javascript:alert(1)) <a href='vbscript:x'>y</a> ![](//evil.example/x.png)\n\n<script src=//evil.example></script>\n\n- [x](data:text/html,z)",
    "template": "{{ 7*7 }}{% for x in ().__class__.__mro__ %}{{ x }}{% endfor %}${7*7}#{7*7}<%= 7*7 %>{# #}{{ self._TemplateReference__context }}",
    "svg": "</text></svg><svg><animate onbegin=alert(1) attributeName=x dur=1s><foreignObject><iframe srcdoc='<script>alert(1)</script>'></svg>",
    "cdata": "]]></system-out><x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script><![CDATA[ <!ENTITY x SYSTEM 'file:///etc/passwd'>",
    "terminal": "\x1b[2J\x1b]0;pwned\x07\x1b]8;;https://evil.example/\x1b\\link\x1b]8;;\x1b\\\x9b31m\x00\x08\x7f\x85\u2028\u2029\ufeff\U000e0041",
    "direction": "\u202eevil\u202c\u2066x\u2069\u200f\u061c\u200b",
    "climb": "../../../../../../etc/passwd",
    "encoded": "%2e%2e%2f%2e%2e%2f..%5c..%5cwindows%00.html?x#y",
    "absolute": "/etc/passwd",
    "protocol": "//evil.example/%09/x",
    "device": "CON",
    "newline": "a\nb\r\nc\td",
    "number": "NaN",
    "moment": "9999-99-99T99:99:99Z",
    "json": '{"__proto__": {"x": 1}}\u2028</script>',
    "empty": "",
    "blank": " \t\n ",
    "astral": "\U0001f469\u200d\U0001f4bb" + "e" + "\u0301" * 60,
    "wide": "W" * 5000,
}
"""What each string of one report is."""

LONG = 1_000_000
"""Characters of a very long string: one in each model, and 9,000 in every other of that report."""

NAMES = (
    "evil <b>&'\"",
    "CON",
    "%2e%2e",
    "%2f..%2f..",
    "a\nb",
    "index.html",
    "javascript:alert(1)",
    "{{7*7}}",
    "\u202eexe.txt",
    "caf\u00e9 \U0001f469",
    "a" * 200,
    "#x?y&z=1",
    "-rf",
    "con.",
)
"""Folders that a project may be called."""


def filled(model: type[BaseModel], text: Callable[[str], str], keep: Mapping[str, Any] | None = None, way: str = "") -> Any:
    """A value of a report model: each string is what `text` gives for its way (`tasks.attempts.turns.agent`), each list has one item, and what may be
    missing is there. `keep`: fields of every model that stay."""
    held = keep or {}
    values = {
        name: held[name] if name in held else _value(field.annotation, text, held, f"{way}.{name}".lstrip("."))
        for name, field in model.model_fields.items()
    }
    return model(**values)


def hostile(model: type[BaseModel], keep: Mapping[str, Any]) -> Any:
    """A value of a model with everything at once in every string."""
    return filled(model, lambda _: PAYLOAD, keep)


def _value(kind: Any, text: Callable[[str], str], keep: Mapping[str, Any], way: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is str:
        return text(way)
    if kind is bool:
        return True
    if kind in (int, float):
        return 1
    if kind in (datetime, AwareDatetime):
        return datetime(2026, 11, 22, 20, 32, 51, tzinfo=UTC)
    if origin in (list, tuple):
        return origin([_value(arguments[0], text, keep, way)])
    if origin is dict:
        return {text(f"{way}.key"): text(f"{way}.value") if arguments[1] is Any else _value(arguments[1], text, keep, f"{way}.value")}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return filled(kind, text, keep, way)
    if origin in (Union, UnionType):
        return _value(arguments[0], text, keep, way)
    if kind is Any:
        return text(way)
    if hasattr(kind, "__metadata__"):
        return _value(arguments[0], text, keep, way)
    return arguments[0]  # a Literal


def dumped(value: BaseModel) -> str:
    """As JSON in which every character stands for itself, lone surrogates too, as no writer of ours would write it."""
    return json.dumps(value.model_dump(mode="json"), ensure_ascii=True)


def hostile_folder(root: Path) -> Path:
    """Projects with hostile names; a run for each payload; reports that are no reports; everything that lies beside them."""
    runs = root / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    _beside(runs)
    _project(runs, NAMES[0], {**PAYLOADS}, long=True)
    for number, name in enumerate(NAMES[1:]):
        _project(runs, name, dict([list(PAYLOADS.items())[number % len(PAYLOADS)]]))
    return root


def _beside(runs: Path) -> None:
    """What belongs to no project."""
    _of_all(runs / "inbox.json", r.InboxReport, "receipts")
    _of_all(runs / "schedule.json", ScheduleReport, "jobs", "waiting")
    _of_all(runs / "limits.json", LimitsReport, "accounts", "breakers", "trips")


def _of_all(path: Path, model: type[BaseModel], *lists: str) -> None:
    """A report with an entry for each payload, in each state that there is."""
    every = [filled(model, lambda _, text=text: text, {"version": 1}) for text in PAYLOADS.values()]
    several = {name: [entry for each in every for item in getattr(each, name) for entry in _in_each_state(item)] for name in lists}
    path.write_text(dumped(every[0].model_copy(update=several)))


def _in_each_state(item: BaseModel) -> list[BaseModel]:
    field = type(item).model_fields.get("state")
    states = get_args(field.annotation) if field else ()
    return [item.model_copy(update={"state": state}) for state in states] or [item]


def _project(runs: Path, name: str, payloads: Mapping[str, str], *, long: bool = False) -> None:
    reports = runs / name / "reports"
    reports.mkdir(parents=True)
    artifacts = runs / name / "artifacts"
    artifacts.mkdir()
    for number, text in enumerate(payloads.values()):
        (artifacts / f"{number}.txt").write_text(text * 3, errors="replace")
    first = next(iter(payloads.values()))
    whole = filled(r.ProjectReport, lambda _: first, {"version": 1})
    tasks = [
        task.model_copy(update={"state": state, "id": f"{number}{first}"})
        for task in whole.tasks
        for number, state in enumerate(("unclear", "failed", first))
    ]
    others = [filled(r.ProjectReport, lambda _, text=text: text, {"version": 1}).prds[0] for text in list(payloads.values())[1:]]
    (reports / "project.json").write_text(dumped(whole.model_copy(update={"tasks": tasks, "prds": [*whole.prds, *others]})))
    for number, (kind, text) in enumerate(payloads.items()):
        kept = f"artifacts/{number}.txt" if number % 2 == 0 else text
        run = filled(r.RunReport, lambda way, text=text, kept=kept: kept if way.endswith(".artifact") else text, {"version": 1})
        if kind == "all":
            _saved(reports, "20261122T203251Z-1a2b", dumped(run), text)
        else:
            _saved(reports, f"20261121T20{number:02d}51Z-{kind}", dumped(run), text)
    if long:
        seen: set[str] = set()

        def wide(way: str) -> str:
            model = way.rpartition(".")[0]
            return "x" * 9_000 if model in seen or way.endswith(".inline") else (seen.add(model) or "<b>" * (LONG // 3))

        _saved(reports, "20261120T000000Z-long", dumped(filled(r.RunReport, wide, {"version": 1})), "")
        _saved(reports, "20261119T000000Z-halves", dumped(filled(r.RunReport, lambda _: "\ud800x\udfff", {"version": 1})), "")
        (reports / "<img src=x onerror=alert(1)>.json").write_text("{not json" + PAYLOAD)
        (reports / "%2e%2e.json").write_text("[" * 5000)


def _saved(reports: Path, name: str, report: str, text: str) -> None:
    """A report, and what a run leaves beside it."""
    (reports / f"{name}.json").write_text(report)
    plain = "".join(sign for sign in text if sign >= " " or sign in "\t\n\r")
    (reports / f"{name}.xml").write_text(
        f"<?xml version='1.0'?><testsuites name={quoteattr(plain)}><testsuite><testcase><failure>{escape(plain)}</failure></testcase></testsuite></testsuites>",
        errors="replace",
    )
    (reports / f"{name}.jsonl").write_text(dumped(filled(ToldLine, lambda _: text)) + "\n")
