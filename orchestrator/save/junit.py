"""A run's last observation of every test and example, as JUnit XML: a suite per task. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from xml.etree import ElementTree

from orchestrator.save.reports import OutcomeReport, RunReport, TaskRunReport


def junit(report: RunReport) -> str:
    """The whole document."""
    return "".join(parts(report.id, report.tasks))


def parts(run: str, tasks: Iterable[TaskRunReport]) -> Iterator[str]:
    """The document in pieces, one for each task: a run may have thousands."""
    top = ElementTree.tostring(ElementTree.Element("testsuites", name=run), encoding="unicode")
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    begun = False
    for task in tasks:
        if not begun:
            yield top.removesuffix(" />") + ">\n"
            begun = True
        yield f"  {suite(task)}\n"
    yield "</testsuites>\n" if begun else f"{top}\n"


def suite(task: TaskRunReport) -> str:
    """One task, indented as it stands in the document."""
    cases: dict[str, OutcomeReport] = {}
    final = task.tidying.observations if task.tidying and task.tidying.kept else []
    observations = [*task.red, *(observation for attempt in task.attempts for observation in attempt.observations), *final]
    for observation in observations:
        if observation.step != "check_red":
            cases |= {outcome.id: outcome for outcome in observation.outcomes}
    failed = [outcome for outcome in cases.values() if outcome.outcome != "passed"]
    found = ElementTree.Element(
        "testsuite", name=task.id, tests=str(len(cases)), failures=str(len(failed)), errors="0", skipped="0", time=f"{task.seconds:.3f}",
        timestamp=task.started_at.removesuffix("Z").partition(".")[0],
    )  # fmt: skip
    for outcome in cases.values():
        case = ElementTree.SubElement(found, "testcase", classname=_clean(task.id), name=_clean(outcome.id), time="0")
        if outcome.outcome != "passed":
            failure = ElementTree.SubElement(case, "failure", type=_clean(outcome.kind or outcome.outcome), message=_clean(outcome.message[:500]))
            failure.text = _clean(outcome.message)
    ElementTree.indent(found, level=1)
    return ElementTree.tostring(found, encoding="unicode")


def _clean(text: str) -> str:
    """Without the characters XML 1.0 cannot hold."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", text)
