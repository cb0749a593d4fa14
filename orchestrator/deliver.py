"""Delivery: the branch of a complete PRD goes to the repository that it is for, as the configuration says and the PRD allows.

    none           nothing is pushed
    branch         `prd/<prd>` is pushed
    pull-request   and a request is opened for it, or brought up to date
    merge          it is merged into the target's branch, when the merge is clean and holds

Only pushes that git takes without force. A run delivers what its validation found nothing wrong with; where it went is recorded after it is there,
so that a killed run's push is found by the next.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import gate
from orchestrator.config import Config
from orchestrator.errors import SetupError, UsageError
from orchestrator.model import Prd
from orchestrator.run import environment, hosts, landing, mentions, redaction, remote, stopping, whole
from orchestrator.run.durable import durable
from orchestrator.run.gates import writable
from orchestrator.run.git import Repository
from orchestrator.run.landing import Freight, Landed
from orchestrator.run.remote import Remote, Unreachable
from orchestrator.save import chain, checked, compose, deliveries, light
from orchestrator.save.clock import now
from orchestrator.save.delivery_report import DeliveryReport
from orchestrator.save.files import write_atomically
from orchestrator.save.ledger import ledger_of
from orchestrator.save.store import Store
from orchestrator.settings.deliver import How, chosen
from orchestrator.show.build.shell import shipped
from orchestrator.show.messages import request

if TYPE_CHECKING:
    from orchestrator.job import Job

FOLDER = "deliveries"
TEMPLATE = "request.md"


@dataclass(frozen=True)
class Wanted:
    """One PRD that is to be delivered."""

    store: Store
    root: Path
    config: Config
    prd: Prd
    how: How
    run: str
    title: str = ""
    """Of the request; '' is the PRD's."""
    dry: bool = False
    """Nothing is pushed, opened or written."""

    @property
    def repository(self) -> Repository:
        return Repository(self.store.repository)

    @property
    def branch(self) -> str:
        return f"prd/{self.prd.id}"


def at_end(job: Job, prds: Sequence[Prd]) -> None:
    """Deliver what is complete, as far as its last validation speaks of its head and found nothing."""
    for prd in prds:
        how = chosen(job.config.deliver.how, prd.deliver)
        if how == "none" or not prd.target.repo:
            continue
        wanted, found = Wanted(job.store, job.root, job.config, prd, how, job.run), checked.validation(job.store, prd.id)
        head = wanted.repository.resolve(f"refs/heads/{wanted.branch}")
        if found is None or not found.passed or found.head != head:
            if found is not None and found.run == job.run:
                job.say(f"{prd.id}: not delivered: its validation has complaints", "delivered", prd=prd.id, how=how, ok=False)
            continue
        before = deliveries.last(job.store, prd.id)
        if before and before.state == "delivered" and before.at >= found.at and before == _as_now(wanted, before, head):
            continue
        stopping.check()
        report = deliver(wanted)
        stopping.check_now()
        news = is_news(report, before)
        if news or report.state == "failed":
            _say(job, prd, report)
        if news:
            job.begin()
            record(job.store, report)
        job.outcome.needs_person += news and report.state == "blocked"
        job.outcome.parked += report.state == "failed"


def _say(job: Job, prd: Prd, report: DeliveryReport) -> None:
    said = f"{prd.id}: {words(report)}"
    if report.conflict:
        job.say(said, "conflict", prd=prd.id, why=report.detail)
    elif report.state == "blocked":
        job.say(said, "needs a person", prd=prd.id, question=report.detail, path=prd.path, lines=[])
    else:
        job.say(said, "delivered", prd=prd.id, how=report.how, ok=report.state != "failed")


def _as_now(wanted: Wanted, before: DeliveryReport, head: str) -> DeliveryReport:
    """The report of the last delivery, were it about what is wanted now: the same where there is nothing to do."""
    prd = wanted.prd
    now_wanted = {"how": wanted.how, "head": head, "into": prd.target.branch, "where": _remote(wanted).shown, "fingerprint": prd.fingerprint}
    return before.model_copy(update=now_wanted)


def is_news(report: DeliveryReport, before: DeliveryReport | None) -> bool:
    """Whether it says anything that the last one did not."""
    same = {"at": "", "run": ""}
    return before is None or report.model_copy(update=same) != before.model_copy(update=same)


def record(store: Store, report: DeliveryReport) -> None:
    with durable("delivery saved"):
        deliveries.save(store, report)


def words(report: DeliveryReport) -> str:
    """A report in a line or two."""
    said = {"delivered": "delivered", "by hand": "delivered but for one step", "blocked": "needs a person: not delivered", "failed": "not delivered"}
    lines = [f"{said[report.state]}: {report.detail}" + (f" ({report.url})" if report.url else "")]
    return "\n".join([*lines, *([f"  → {report.command}"] if report.command else [])])


def deliver(wanted: Wanted) -> DeliveryReport:
    """Do it, and say what came of it; nothing is recorded. Repeating it is harmless. Raises UsageError for a template that cannot be used."""
    head = wanted.repository.resolve(f"refs/heads/{wanted.branch}")
    to = _remote(wanted)
    report = DeliveryReport(
        prd=wanted.prd.id,
        how=wanted.how if wanted.how != "none" else "branch",
        state="failed",
        at=now(),
        run=wanted.run,
        head=head,
        fingerprint=wanted.prd.fingerprint,
        where=to.shown,
        branch="",
        into=wanted.prd.target.branch,
        detail="",
    )
    freight = Freight(wanted.repository, to, wanted.branch, head, wanted.prd.target.branch)
    try:
        if not head:
            raise SetupError(f"{wanted.branch} has no commit yet", hint="`orchestrator run` makes its branch")
        if stray := _stray(wanted, head):
            return report.model_copy(update={"state": "blocked", "detail": f"{wanted.branch} changes what is not a product's: {', '.join(stray)}"})
        with durable("delivered"):
            landed = _merge(wanted, freight) if wanted.how == "merge" else landing.as_branch(freight, dry=wanted.dry)
            told = report.model_copy(update=_told(landed))
            asks = wanted.how == "pull-request" and landed.state != "blocked" and landed.branch != freight.into
            return _ask(wanted, freight, told) if asks else told
    except (Unreachable, SetupError) as error:
        return report.model_copy(update={"detail": str(error).replace("\n", " ").replace("  → ", " → ")})


def _told(landed: Landed) -> dict[str, Any]:
    return {
        "state": landed.state,
        "detail": landed.detail,
        "branch": landed.branch,
        "commit": landed.commit,
        "command": landed.command,
        "conflict": landed.conflict,
    }


def _remote(wanted: Wanted) -> Remote:
    """Where it goes: the target; for a request about a target that is a path, what that calls `deliver.remote`, where it does."""
    settings = wanted.config.deliver
    target = remote.of(wanted.prd.target.repo, wanted.root, settings.seconds)
    if wanted.how == "pull-request" and (address := remote.address_of(target, settings.remote)):
        return remote.of(address, target.path or wanted.root, settings.seconds)
    return target


def _stray(wanted: Wanted, head: str) -> list[str]:
    """What our work changed of PRDs, runs, the configuration and CI, which it never may."""
    repository, config = wanted.repository, wanted.config
    base = repository.merge_base(head, gate.start_of(repository, wanted.prd)) or head
    folders = [config.folder(wanted.root, key) for key in ("prds", "runs", "recordings", "site")]
    own = [f"{path.relative_to(wanted.root).as_posix()}/" for path in folders if wanted.prd.target.repo == "." and path.is_relative_to(wanted.root)]
    listed = repository.git("log", "--first-parent", "--no-merges", "--format=", "--name-only", "-z", f"{base}..{head}").decode(
        "utf-8", "surrogateescape"
    )
    names = dict.fromkeys(name for name in listed.split("\0") if name)
    return [name for name in names if writable.is_ours(name) or name.startswith(tuple(own))][:10]


# --- merge -------------------------------------------------------------------------------------------------------------------


def _merge(wanted: Wanted, freight: Freight) -> Landed:
    title = mentions.harmless(wanted.prd.title)

    def message(tree: str) -> str:
        subject = mentions.cut(f"Merge {wanted.branch}: {title}", 100)
        return f"{subject}\n\nPRD: {wanted.prd.id}\nHead: {freight.head}\nEvidence: tree {tree}\n"

    return landing.merged(freight, message, lambda tree, before: _wrong(wanted, tree, before), wanted.config.deliver.races, dry=wanted.dry)


def _wrong(wanted: Wanted, tree: str, before: str) -> str:
    """What does not hold at a merged tree: of the whole suite, and of everything that was proved; '' when all does."""
    store, config, repository = wanted.store, wanted.config, wanted.repository
    python = environment.of_tree(repository, tree, wanted.prd, config.folder(wanted.root, "environments")).python
    quarantined = frozenset(item.test for item in store.quarantined() if item.until > now())
    seen = whole.look(whole.Branch(wanted.prd, repository, tree, before, python, config, quarantined), gate.finished(store, wanted.prd))
    return "; ".join(f"{each.what}: {(each.message.splitlines() or [''])[0][:200]}" for each in seen.broken[:5])


# --- requests ----------------------------------------------------------------------------------------------------------------


def request_of(wanted: Wanted) -> tuple[str, str]:
    """(title, text). Raises UsageError for a template that cannot be used."""
    from jinja2 import TemplateError

    repository, store = wanted.repository, wanted.store
    project = compose.project_report(store, wanted.root, repository, {})
    report = next(prd for prd in project.prds if prd.id == wanted.prd.id)
    evidence = request.Evidence(
        chain.REF,
        project.repo,
        chain.bundle_path(store.folder).relative_to(wanted.root).as_posix() if store.folder.is_relative_to(wanted.root) else "",
        repository.resolve(chain.REF),
        len(chain.names(repository)),
    )
    spent = ledger_of(wanted.root, wanted.config).spent_by("prd", wanted.prd.id)
    path = template(wanted.root, wanted.config)
    clean = redaction.of(wanted.config).cleaner(os.environ)
    try:
        text = request.body(path.read_text(encoding="utf-8"), report, evidence, spent)
        return clean(request.title(report, wanted.title)), clean(text)
    except (TemplateError, OSError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path}: this template of a request cannot be used: {error}", hint="compare it with the built-in site_templates/request.md"
        ) from None


def template(root: Path, config: Config) -> Path:
    """The one that is configured, the working folder's own, or the built-in one."""
    if config.deliver.template is not None:
        return root / config.deliver.template
    own = root / "site_templates" / TEMPLATE
    return own if own.is_file() else shipped().templates / TEMPLATE


def _digest(title: str, text: str) -> str:
    return hashlib.sha256(f"{title}\n{text}".encode()).hexdigest()


def _ask(wanted: Wanted, freight: Freight, report: DeliveryReport) -> DeliveryReport:
    """The branch is there: see to the request, or say how a person may."""
    settings, (title, text) = wanted.config.deliver, request_of(wanted)
    path = wanted.store.folder / FOLDER / f"{wanted.prd.id}.md"
    if not wanted.dry:
        write_atomically(path, text)
    told = report.model_copy(update={"body": f"{FOLDER}/{path.name}", "text": _digest(title, text)})
    before = deliveries.last(wanted.store, wanted.prd.id)
    if before and before.url and (before.state, before.where, before.into, before.text) == ("delivered", told.where, told.into, told.text):
        return told.model_copy(update={"url": before.url})
    place = hosts.place(freight.to.address)
    if place is None:
        detail = f"{report.detail}; it is on no host that has requests: {freight.into} is there for a person to merge it into"
        return told.model_copy(update={"state": "by hand", "detail": detail, "command": report.command or _by_git(freight)})
    wish = hosts.Wish(place, freight.branch, freight.into, title, path, settings.draft, settings.seconds)
    which = hosts.kind(place, settings.host)
    if wanted.dry or which is None:
        why = "" if which else f"; nobody says whether {place.host} is GitHub's or GitLab's (`deliver.host`)"
        return told.model_copy(update={"state": "by hand", "detail": report.detail + why, "command": hosts.by_hand(wish, which)})
    with durable("request opened"):
        done = hosts.request(wish, which)
    state = "by hand" if done.command else "delivered"
    return told.model_copy(update={"state": state, "detail": f"{report.detail}; {done.detail}", "url": done.url, "command": done.command})


def _by_git(freight: Freight) -> str:
    """How a person merges it, in a clone of the repository."""
    return f"git fetch {shlex.quote(freight.to.shown)} {shlex.quote(freight.branch)} && git merge --no-ff FETCH_HEAD"


def is_deliverable(store: Store, prd: Prd) -> bool:
    """Whether every task of the PRD is done."""
    return light.counts(store, prd.id).keys() - {"retired"} == {"done"}


def head_of(store: Store, prd: Prd) -> str:
    return Repository(store.repository).resolve(f"refs/heads/prd/{prd.id}")
