"""A page for the mutants of a task: looked through in the mutation-testing-elements component, and as a plain table without JavaScript. Pure.

The component is one script, vendored among the assets, and only these pages load it. What it shows comes as a script of its own beside the page,
since a page that is opened from disk may not fetch anything.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from orchestrator.show import addresses
from orchestrator.show.pages import render

if TYPE_CHECKING:
    from jinja2 import Environment

    from orchestrator.save.reports import TaskRunReport

LARGEST = 4_000_000
"""Bytes of a document that is handed to the component; of a larger one only the table is shown."""

STYLES = ("'unsafe-hashes'", "'sha256-LUV4+FxzLUYGI4UQ75I+vmCcTU7eRY5f581Q6KtdlQw='")
"""Its one fixed style attribute, `box-shadow: none`, is allowed on these pages, and no other: assets/mutants.js sets widths without attributes."""

_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_STATUSES = frozenset({"Killed", "Survived", "Timeout", "NoCoverage", "CompileError", "RuntimeError", "Ignored", "Pending"})


def page(env: Environment, name: str, run_id: str, task: TaskRunReport, task_page: str, script: bool) -> str:
    """`script`: whether the document is there for the component."""
    mutants = task.mutation.mutants if task.mutation else []
    order = {status: number for number, status in enumerate(("survived", "no coverage", "error", "timeout", "killed"))}
    rows = sorted(mutants, key=lambda mutant: (order.get(mutant.status, 0), mutant.path, mutant.line, mutant.column))
    place = addresses.mutants(task_page)
    return render(env, "mutants.html", place, project=name, run_id=run_id, task=task, task_page=task_page, rows=rows, script=script)


def script(document: bytes) -> str:
    """The document of a task as a script that sets `orchestratorMutants`; '' when it is none of its kind or too large.

    Only what the schema has is taken over. A character that shows nothing is replaced by one that does, so that columns stay.
    """
    if len(document) > LARGEST:
        return ""
    try:
        kept = _document(json.loads(document))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    return "window.orchestratorMutants=" + text.replace("<", "\\u003c").replace(">", "\\u003e") + ";\n"


def _document(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "schemaVersion": "2",
        "thresholds": {"high": int(value["thresholds"]["high"]), "low": int(value["thresholds"]["low"])},
        "files": {
            _text(path): {"language": "python", "source": _text(file["source"]), "mutants": [_mutant(mutant) for mutant in file["mutants"]]}
            for path, file in value["files"].items()
        },
        "testFiles": {
            _text(path): {
                "source": _text(file["source"]),
                "tests": [{"id": _text(test["id"]), "name": _text(test["name"])} for test in file["tests"]],
            }
            for path, file in value.get("testFiles", {}).items()
        },
    }


def _mutant(value: dict[str, Any]) -> dict[str, Any]:
    location = {side: {name: int(value["location"][side][name]) for name in ("line", "column")} for side in ("start", "end")}
    status = value["status"] if value["status"] in _STATUSES else "Pending"
    texts: dict[str, Any] = {name: _text(value[name]) for name in ("id", "mutatorName", "replacement", "description") if name in value}
    return {**texts, "location": location, "status": status, "killedBy": [_text(test) for test in value.get("killedBy", ())]}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return _HIDDEN.sub("\ufffd", value.replace("\r\n", "\n").replace("\r", "\n"))
