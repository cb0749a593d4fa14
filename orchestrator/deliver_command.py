"""`orchestrator deliver`: complete PRDs go where they belong because a person asked, whatever the configuration leaves to runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator import deliver as delivering
from orchestrator import faults, validate
from orchestrator.config import Config
from orchestrator.deliver import Wanted
from orchestrator.errors import Exit, OrchestratorError, SetupError, UsageError
from orchestrator.model import Plan, Prd
from orchestrator.save import checked, written
from orchestrator.save.delivery_report import DeliveryReport
from orchestrator.save.health import FILE
from orchestrator.save.store import Store
from orchestrator.settings.deliver import chosen
from orchestrator.show.console import terminal

CODES = {"delivered": Exit.DONE, "by hand": Exit.DONE, "blocked": Exit.NEEDS_PERSON, "failed": Exit.PARKED}


@dataclass(frozen=True)
class Answer:
    """About one PRD."""

    prd: str
    delivery: DeliveryReport | None = None
    why: str = ""
    """Why nothing was done."""
    code: Exit = Exit.DONE
    title: str = ""
    text: str = ""
    """Of the request, where it is only shown."""


def deliver(options: argparse.Namespace, root: Path, config: Config) -> Exit:
    answers = []
    for answer in _each(options, root, config):
        answers.append(answer)
        if not options.json:
            print(terminal.safe(_said(answer, dry=options.dry_run)), flush=True)
    if options.json:
        told = [
            {"prd": each.prd, "delivery": each.delivery and each.delivery.model_dump(), "why": each.why, "title": each.title, "text": each.text}
            for each in answers
        ]
        print(json.dumps(told, indent=2))
    elif not answers:
        print("nothing to deliver: no PRD has been worked on")
    return max((answer.code for answer in answers), default=Exit.DONE)


def _said(answer: Answer, *, dry: bool) -> str:
    if answer.delivery is None:
        return f"{answer.prd}: {answer.why}"
    if not dry:
        return f"{answer.prd}: {delivering.words(answer.delivery)}"
    report = answer.delivery
    lines = [f"{answer.prd}: a dry run, as {report.how} for {report.into}: {report.detail}"]
    lines += [f"  → {report.command}"] if report.command else []
    return "\n".join([*lines, *(["", f"title: {answer.title}", "", answer.text] if answer.text else [])])


def _each(options: argparse.Namespace, root: Path, config: Config) -> Iterator[Answer]:
    """One answer for each PRD that is meant. Raises UsageError for a name that nothing has."""
    unknown = {*options.names}
    for path in sorted(config.folder(root, "runs").glob(f"*/{FILE}")):
        try:
            with faults.recognised(path), Store(path.parent, read_only=True) as store:
                known = [(prd.id, {prd.id, prd.project} & {*options.names}) for prd, _ in store.prds()]
            unknown -= {name for _, named in known for name in named}
            chosen_here = [prd for prd, named in known if named or not options.names]
            if chosen_here:
                with faults.recognised(path), Store(path.parent) as store:
                    for prd, plan in store.prds():
                        if prd.id in chosen_here:
                            yield _one(store, prd, plan, options, root, config)
                    if not options.dry_run:
                        written.whole(store, root)
        except OrchestratorError as error:
            if isinstance(error, UsageError):
                raise
            yield Answer(path.parent.name, why=str(error), code=error.exit_code)
    if unknown:
        raise UsageError(f"no PRD or project is called {', '.join(sorted(unknown))}", hint="`orchestrator status` names them")


def _one(store: Store, prd: Prd, plan: Plan, options: argparse.Namespace, root: Path, config: Config) -> Answer:
    refused = Exit.TASK_FAILED if options.names else Exit.DONE
    how = options.how or chosen(config.deliver.how, prd.deliver)
    if not prd.target.repo:
        place = f"{store.repository}, branch prd/{prd.id}"
        return Answer(prd.id, why=f"it names no `target.repo`, so that there is nowhere to deliver it to; its code is in {place}", code=refused)
    if how == "none":
        return Answer(prd.id, why="nothing is delivered, as `deliver: none` says: `--as branch`, `pull-request` or `merge` does it now", code=refused)
    if not delivering.is_deliverable(store, prd):
        return Answer(prd.id, why="it is not complete: not every task of it is done", code=refused)
    try:
        if why := _complaint(store, prd, plan, root, config, dry=options.dry_run):
            return Answer(prd.id, why=why, code=Exit.TASK_FAILED)
        wanted = Wanted(store, root, config, prd, how, "", options.title, options.dry_run)
        report = delivering.deliver(wanted)
    except SetupError as error:
        return Answer(prd.id, why=str(error), code=error.exit_code)
    if options.dry_run:
        title, text = delivering.request_of(wanted) if how == "pull-request" else ("", "")
        return Answer(prd.id, report, code=CODES[report.state], title=title, text=text)
    delivering.record(store, report)
    return Answer(prd.id, report, code=CODES[report.state])


def _complaint(store: Store, prd: Prd, plan: Plan, root: Path, config: Config, *, dry: bool) -> str:
    """What a validation of the branch as it stands complains of; it is looked at now where no run has."""
    found = checked.validation(store, prd.id)
    head = delivering.head_of(store, prd)
    if found is None or found.head != head:
        found = validate.examine(store, root, config, prd, plan, "")
        if not dry:
            validate.record(store, prd, plan, found)
    if found.passed:
        return ""
    return f"it is not delivered, since the branch as a whole has complaints: `orchestrator validate {prd.id}` shows them; {validate.summary(found)}"
