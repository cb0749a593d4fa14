"""Reports with a payload in every string a PRD, an agent or a program could have written; whatever the models gain is covered too."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from orchestrator.save import reports as r

PAYLOAD = (
    "\"><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\"><svg onload=alert(1)>"
    "[a](javascript:alert(1)) ![b](https://evil.example/x.png) <https://evil.example> {{7*7}} {% x %} </script></style>"
    "' onmouseover='document.title=1 \x1b]8;;https://evil.example\x07\x1b[31m\u202e\x00\x07 `<b>` ```mermaid\ngraph LR\n```\n"
    "orchestratortitlemarker <h1>orchestratorbodymarker</h1> ../../../../etc/passwd %3Cscript%3E &lt;script&gt;\n"
)


def hostile(model: type[BaseModel], keep: dict[str, Any]) -> Any:
    """A value of a report model with the payload in every free string, two items a list; `keep` holds fields that stay."""
    return model(**{name: keep[name] if name in keep else _hostile(field.annotation, keep) for name, field in model.model_fields.items()})


def _hostile(kind: Any, keep: dict[str, Any]) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is str:
        return PAYLOAD
    if kind in (int, float):
        return 1
    if kind is bool:
        return True
    if origin is list:
        return [_hostile(arguments[0], keep)]
    if origin is dict:
        return {PAYLOAD: _hostile(arguments[1], keep)}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return r.Text(inline=PAYLOAD, artifact="", size=1) if kind is r.Text else hostile(kind, keep)
    if type(None) in arguments:
        return _hostile(arguments[0], keep)
    return arguments[0]  # a Literal


def hostile_folder(root: Path) -> Path:
    runs = root / "runs"
    run = hostile(r.RunReport, {"version": 1})
    report = hostile(r.ProjectReport, {"version": 1})
    tasks = [task.model_copy(update={"state": state}) for task in report.tasks for state in ("unclear", "failed", PAYLOAD)]
    report = report.model_copy(update={"tasks": tasks})
    inbox = hostile(r.InboxReport, {"version": 1})
    receipts = [receipt.model_copy(update={"state": state}) for receipt in inbox.receipts for state in ("set aside", "waiting", "accepted")]
    reports = runs / "evil <b>&'\"" / "reports"
    reports.mkdir(parents=True)
    (runs / "inbox.json").write_text(inbox.model_copy(update={"receipts": receipts}).model_dump_json())
    (reports / "project.json").write_text(report.model_dump_json())
    (reports / "20261122T203251Z-1a2b.json").write_text(run.model_dump_json())
    (reports / "20261122T203251Z-1a2b.xml").write_text("<testsuites/>")
    (reports / "<img src=x onerror=alert(1)>.json").write_text("{not json" + PAYLOAD)
    return root
