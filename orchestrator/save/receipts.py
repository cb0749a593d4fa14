"""runs/inbox.json: a receipt per PRD file, what it is, since when, what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.inbox.folder import Known, Scan, fresh
from orchestrator.inbox.markdown import Reading
from orchestrator.model import Problem
from orchestrator.save import aside, compose, standing
from orchestrator.save.clock import now
from orchestrator.save.files import write_atomically
from orchestrator.save.reports import VERSION, InboxReport, Receipt

FILE = "inbox.json"


def read(runs: Path) -> InboxReport:
    """The receipts as they were last written; none when there is no such file or it cannot be read."""
    try:
        return InboxReport.model_validate_json((runs / FILE).read_bytes())
    except (OSError, ValueError):
        return InboxReport(receipts=[])


def mend(runs: Path) -> tuple[str, ...]:
    """Set receipts that cannot be read aside, and say so: the next `write` makes them anew."""
    path = runs / FILE
    try:
        version = InboxReport.model_validate_json(path.read_bytes()).version
        why = f"it has version {version}, this program reads up to {VERSION}" if version > VERSION else ""
    except FileNotFoundError:
        return ()
    except ValueError as error:
        why = f"it cannot be read: {str(error).splitlines()[-1].strip()[:200]}"
    if not why:
        return ()
    place = aside.move(runs, (path,))
    return (f"{path}: {why}; written anew" + (f" (set aside in {place})" if place else ""),)


def known(runs: Path, reader: Callable[[str, str, str, str], Reading] = fresh) -> Known:
    """What the receipts know of ids, for the inbox's next scan; where they are lost, what the databases know. `reader`: how files are read."""
    if not (runs / FILE).exists():
        return replace(standing.known(runs), read=reader)
    receipts = [receipt for receipt in read(runs).receipts if receipt.prd]
    return Known(
        {receipt.path: receipt.prd for receipt in receipts if receipt.state != "gone"},
        {receipt.fingerprint: (receipt.path, receipt.prd) for receipt in sorted(receipts, key=lambda receipt: receipt.state != "gone")},
        reader,
    )


def write(runs: Path, found: Scan, waiting: Mapping[str, Sequence[Problem]], left_out: frozenset[str] = frozenset()) -> int:
    """Bring the receipts up to date and return how many PRDs were set aside that were not before. `waiting`: PRD id → why nothing works on it;
    `left_out`: PRDs that this run did not look at: whether they wait is as it was."""
    before = {receipt.path: receipt for receipt in read(runs).receipts}
    problems: dict[str, list[Problem]] = {}
    for problem in found.problems:
        problems.setdefault(problem.path, []).append(problem)
    receipts, newly = [], 0
    for file in found.files:
        earlier = before.pop(file.path, None)
        same = earlier is not None and earlier.fingerprint == file.fingerprint and earlier.state != "gone"
        state = "waiting" if file.state == "accepted" and file.prd_id in waiting else file.state
        if same and earlier is not None and file.prd_id in left_out:
            receipts.append(earlier)
            continue
        newly += state == "set aside" and not (same and earlier is not None and earlier.state == "set aside")
        said = [*problems.get(file.path, []), *waiting.get(file.prd_id, [])]
        receipts.append(
            Receipt(
                path=file.path,
                prd=file.prd_id,
                project=file.project,
                title=file.title,
                fingerprint=file.fingerprint,
                state=state,
                taken_at=earlier.taken_at if same and earlier is not None else now(),
                requirements=file.requirements,
                criteria=file.criteria,
                examples=file.examples,
                problems=[compose.problem(problem) for problem in said],
            )
        )
    receipts += [receipt.model_copy(update={"state": "gone"}) for receipt in before.values()]
    text = InboxReport(receipts=sorted(receipts, key=lambda receipt: receipt.path)).model_dump_json(indent=1) + "\n"
    path = runs / FILE
    if not path.exists() or path.read_bytes() != text.encode("utf-8", "replace"):
        write_atomically(path, text)
    return newly
