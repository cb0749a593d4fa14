"""runs/inbox.json: a receipt per PRD file: what it is, when it was seen and taken, what became of it, also when it is gone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from orchestrator.errors import SetupError
from orchestrator.inbox.folder import Known, Scan, fresh
from orchestrator.inbox.markdown import Reading
from orchestrator.model import Problem
from orchestrator.save import aside, compose, standing
from orchestrator.save.clock import now
from orchestrator.save.files import write_atomically
from orchestrator.save.reports import VERSION, InboxReport, Receipt

FILE = "inbox.json"
LOCK = "inbox.lock"
REMEMBERED = 1000
"""So many receipts of files that are gone are kept, the newest."""
NOBODY: Mapping[str, Problem] = {}


def read(runs: Path) -> InboxReport:
    """The receipts as they were last written; none when there is no such file or it cannot be read."""
    try:
        return InboxReport.model_validate_json((runs / FILE).read_bytes())
    except (OSError, ValueError):
        return InboxReport(receipts=[])


def text(receipts: Iterable[Receipt]) -> str:
    """The file that holds them."""
    return InboxReport(receipts=sorted(receipts, key=lambda receipt: receipt.path)).model_dump_json(indent=1) + "\n"


def parsed(text: str | None) -> dict[str, Receipt]:
    """Path → receipt, of such a file; {} where there is none or it cannot be read."""
    try:
        return {receipt.path: receipt for receipt in InboxReport.model_validate_json(text or "").receipts}
    except ValueError:
        return {}


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


def seen(runs: Path, found: Mapping[str, str]) -> None:
    """Files that are new or have changed and are not taken yet, since something may still write to them. `found`: path → SHA-256 of its bytes."""
    if not found:
        return
    with _alone(runs):
        receipts = {receipt.path: receipt for receipt in read(runs).receipts}
        for path, fingerprint in found.items():
            before = receipts.get(path)
            if before is None or before.state == "gone":
                before = before or Receipt(
                    path=path, prd="", project="", title="", fingerprint="", state="waiting", taken_at="", requirements=0, criteria=0, examples=0,
                    problems=[compose.problem(Problem(path, 0, "still-written", "it is taken once it has been quiet", "", "note"))],
                )  # fmt: skip
            if fingerprint not in (before.fingerprint, before.newer):
                receipts[path] = before.model_copy(update={"newer": fingerprint, "newer_at": now()})
        _keep(runs, receipts.values())


def seen_at(runs: Path, found: Scan) -> dict[str, datetime]:
    """PRD id → when its file was first seen as it is now; only those that have been seen."""
    receipts = [receipt for receipt in read(runs).receipts if receipt.state != "gone"]
    known = {(receipt.path, receipt.newer): receipt.newer_at for receipt in receipts}
    known |= {(receipt.path, receipt.fingerprint): receipt.seen_at for receipt in receipts}
    times = ((file.prd_id, known.get((file.path, file.fingerprint), "")) for file in found.files if file.prd_id)
    return {prd: datetime.fromisoformat(at) for prd, at in times if at}


def taken(runs: Path, found: Scan) -> frozenset[str]:
    """Ids of the PRDs that a run has taken as they are now."""
    known = {(receipt.path, receipt.fingerprint) for receipt in read(runs).receipts if receipt.taken_at and receipt.state != "gone"}
    return frozenset(file.prd_id for file in found.files if (file.path, file.fingerprint) in known)


@dataclass(frozen=True)
class Read:
    """When a run read the inbox, and what it found then."""

    found: Scan
    at: str = field(default_factory=now)


def write(
    runs: Path,
    found: Scan,
    waiting: Mapping[str, Sequence[Problem]],
    left_out: frozenset[str] = frozenset(),
    not_yet: Mapping[str, Problem] = NOBODY,
    first: Read | None = None,
) -> int:
    """Bring the receipts up to date and return how many PRDs were set aside that were not before. `waiting`: PRD id → why nothing works on it;
    `left_out`: PRDs that this run did not look at: whether they wait is as it was; `not_yet`: PRD id → why it must not begin; `first`: what was
    read at the beginning, where `found` is what was read last."""
    with _alone(runs):
        return _write(runs, found, {**{prd: (why,) for prd, why in not_yet.items()}, **waiting}, left_out, not_yet, first or Read(found))


def _write(
    runs: Path,
    found: Scan,
    waiting: Mapping[str, Sequence[Problem]],
    left_out: frozenset[str],
    not_yet: Mapping[str, Problem],
    first: Read,
) -> int:
    before = {receipt.path: receipt for receipt in read(runs).receipts}
    earlier_paths = {path for path, receipt in before.items() if receipt.state != "gone"}
    ready = {prd.id for prd in found.prds if not prd.draft} - {*not_yet}
    problems: dict[str, list[Problem]] = {}
    for problem in found.problems:
        problems.setdefault(problem.path, []).append(problem)
    receipts, newly, late = [], 0, now()
    when = {(file.path, file.fingerprint): first.at for file in first.found.files}
    for file in found.files:
        earlier = before.pop(file.path, None)
        same = earlier is not None and earlier.fingerprint == file.fingerprint and earlier.state != "gone"
        state = "waiting" if file.state == "accepted" and file.prd_id in waiting else file.state
        if same and earlier is not None and file.prd_id in left_out:
            receipts.append(earlier)
            continue
        newly += state == "set aside" and not (same and earlier is not None and earlier.state == "set aside")
        said = [*problems.get(file.path, []), *waiting.get(file.prd_id, [])]
        taken = file.prd_id in ready or file.state == "set aside"
        known, at = earlier if same else None, when.get((file.path, file.fingerprint), late)
        receipts.append(
            Receipt(
                path=file.path,
                prd=file.prd_id,
                project=file.project,
                title=file.title,
                fingerprint=file.fingerprint,
                state=state,
                seen_at=(known.seen_at or known.taken_at if known else "")
                or (earlier.newer_at if earlier and earlier.newer == file.fingerprint else "")
                or at,
                taken_at=(known.taken_at if known else "") or at if taken else "",
                requirements=file.requirements,
                criteria=file.criteria,
                examples=file.examples,
                problems=[compose.problem(problem) for problem in said],
            )
        )
    paths = {receipt.prd: receipt.path for receipt in receipts if receipt.prd}
    for receipt in before.values():
        if receipt.path in earlier_paths:
            receipt = receipt.model_copy(
                update={"state": "gone", "gone_at": late, "became": paths.get(receipt.prd, ""), "newer": "", "newer_at": "", "problems": []}
            )
        receipts.append(receipt)
    _keep(runs, receipts)
    return newly


def _keep(runs: Path, receipts: Iterable[Receipt]) -> None:
    """Written where something is different; of files that are gone only the last ones are kept."""
    every = sorted(receipts, key=lambda receipt: receipt.path)
    gone = sorted((receipt for receipt in every if receipt.state == "gone"), key=lambda receipt: receipt.gone_at)
    dropped = {receipt.path for receipt in gone[:-REMEMBERED]}
    written, path = text(receipt for receipt in every if receipt.path not in dropped), runs / FILE
    if not path.exists() or path.read_bytes() != written.encode("utf-8", "replace"):
        write_atomically(path, written)


@contextmanager
def _alone(runs: Path) -> Iterator[None]:
    """One process at a time brings the receipts up to date."""
    try:
        import fcntl
    except ImportError:
        raise SetupError("running PRDs needs Linux", hint="on Windows use WSL2; `check`, `plan`, `status` and `site` work here") from None
    runs.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(runs / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
