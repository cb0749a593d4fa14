"""`orchestrator plan`: plans are shown, made by the planning agent, edited, agreed to, and forgotten."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from orchestrator import forecasting, pipeline, planned, work
from orchestrator.config import Config
from orchestrator.errors import Exit, PlanError, UsageError
from orchestrator.inbox.folder import Scan
from orchestrator.model import Plan, Prd
from orchestrator.plan import outline, passes
from orchestrator.plan.rules import atomic_of
from orchestrator.plan.saved import PlanFile, PlannedRequirement
from orchestrator.save import lock, plans
from orchestrator.save.files import write_atomically
from orchestrator.save.readings import Readings
from orchestrator.show.console import lines, terminal
from orchestrator.show.console import plans as tree
from orchestrator.show.messages import markdown


def plan(options: argparse.Namespace, root: Path, config: Config) -> Exit:
    if options.decompose:
        return _decompose(options.names, root, config)
    found, readings = pipeline.inbox(root, config)
    chosen = _chosen(found, options.names)
    runs = config.folder(root, "runs")
    for flag, change in (("edit", _edit), ("approve", _approve), ("clear", _clear)):
        if getattr(options, flag):
            if flag != "approve" and not options.names:
                raise UsageError(f"--{flag}: of which PRD?", hint=f"for example `orchestrator plan --{flag} {chosen[0].id if chosen else 'loans'}`")
            for prd in chosen:
                (runs / prd.project).mkdir(parents=True, exist_ok=True)
                held = lock.take(runs / prd.project)
                try:
                    change(prd, config, runs, readings)
                finally:
                    os.close(held)
    _show(options, root, config, found, tuple((*readings.planned(prd, config)[:2],) for prd in chosen))
    return Exit.DONE


def _chosen(found: Scan, names: Iterable[str]) -> tuple[Prd, ...]:
    """PRDs by id, project or file, in the order in which they would run; all where no name is given. Raises UsageError for an unknown one."""
    ready, wanted = pipeline.ready(found), list(names)
    known = {name for prd in ready for name in _called(prd)}
    if unknown := [name for name in wanted if name not in known]:
        raise UsageError(f"no PRD that could run is called {', '.join(unknown)}", hint="`orchestrator check` names what is set aside or a draft")
    return tuple(prd for prd in ready if not wanted or {*_called(prd)} & {*wanted})


def _called(prd: Prd) -> tuple[str, ...]:
    return prd.id, prd.project, prd.path


# --- what is shown ---------------------------------------------------------------------------------------------------------


def _show(options: argparse.Namespace, root: Path, config: Config, found: Scan, chosen: tuple[tuple[Prd, Plan], ...]) -> None:
    states = pipeline.task_states(root, config)
    before = pipeline.worded_before(root, config, (made for _, made in chosen), states)
    ahead = forecasting.outlooks(root, config, chosen, states)
    runs = config.folder(root, "runs")
    by_id = {prd.id: prd for prd in pipeline.ready(found)}
    if options.json:
        entries = []
        for (prd, made), shown in zip(chosen, tree.as_json(ahead, states, before), strict=True):
            file = plans.load(runs, by_id[prd.id])
            entries.append(shown | {"approved": _agreed(made, file), "open": _open(by_id[prd.id], file, config)})
        print(json.dumps(entries, indent=2))
        return
    errors = [problem for problem in found.problems if problem.severity == "error"]
    if options.markdown:
        print(markdown.plan(ahead, states, errors, before))
        return
    if errors and not options.names:
        print(terminal.problems(errors), file=sys.stderr)
    print(tree.text(ahead, states, before))
    for prd, made in chosen:
        file = plans.load(runs, by_id[prd.id])
        lines = [terminal.problems(made.notes)] if made.notes else []
        if open_ := _open(by_id[prd.id], file, config):
            lines.append(f"{prd.id}: the PRD leaves something open: " + "; ".join(f"{key}: {', '.join(why)}" for key, why in open_.items()))
            lines.append(f"    → {_ways(prd, config)}")
        left = [name for name, agreed in _agreed(made, file).items() if not agreed]
        if config.planning.approve == "person" and left:
            lines.append(f"{prd.id}: {len(left)} of {len(made.tasks)} tasks wait for a person who agrees: {', '.join(left[:10])}")
            lines.append(f"    → `orchestrator plan --approve {prd.id}`")
        if lines:
            print(terminal.safe("\n".join(lines)))


def _open(prd: Prd, file: PlanFile, config: Config) -> dict[str, tuple[str, ...]]:
    """Key → what the PRD leaves open about a requirement that nobody has planned yet."""
    atomic = atomic_of(config.planning)
    return {key: passes.why(draft.requirement, atomic) for key, draft in passes.drafts(prd, outline.valid(prd, file.requirements), atomic).items()}


def _ways(prd: Prd, config: Config) -> str:
    if planned.is_named(config, prd):
        return f"the next run asks the planning agent, or `orchestrator plan --decompose {prd.id}` now"
    return f"say it in {prd.path}, or `orchestrator plan --edit {prd.id}`, or name a planning agent (`roles.plan`)"


def _agreed(made: Plan, file: PlanFile) -> dict[str, bool]:
    return {task.id: file.approved.get(task.id) == task.fingerprint for task in made.tasks}


# --- what is changed -------------------------------------------------------------------------------------------------------


def _decompose(names: list[str], root: Path, config: Config) -> Exit:
    """Ask the planning agent now, and show what came of it."""
    found, _ = pipeline.inbox(root, config)
    chosen = _chosen(found, names)
    outcome = pipeline.run(root, config, lines.tell, work.only_plan, frozenset(prd.id for prd in chosen))
    _, readings = pipeline.inbox(root, config)
    states, made = pipeline.task_states(root, config), tuple((*readings.planned(prd, config)[:2],) for prd in chosen)
    print(tree.text(forecasting.outlooks(root, config, made, states), states))
    return outcome.exit_code


def _approve(prd: Prd, config: Config, runs: Path, readings: Readings) -> None:
    """Agree to every task of the plan as it is now."""
    _, made, file = readings.planned(prd, config)
    path = plans.keep(runs, prd, file.model_copy(update={"approved": {task.id: task.fingerprint for task in made.tasks}}))
    print(f"agreed   {prd.id}: {len(made.tasks)} tasks ({path})")


def _clear(prd: Prd, config: Config, runs: Path, readings: Readings) -> None:
    """Forget what was added and agreed to; a planning agent is asked anew. An unreadable file is forgotten, too."""
    try:
        times = plans.load(runs, prd).cleared
    except PlanError:
        times = 0
    path = plans.keep(runs, prd, PlanFile(prd=prd.id, cleared=times + 1))
    print(f"cleared  {prd.id} ({path})")


EDITED = """\
# Additions to {path}. Saved when the editor ends, and checked: what is wrong is said, and nothing is lost.
#
#   module       the file it is made in, where the PRD names none
#   depends_on   keys of requirements that must be finished first
#   criteria     more criteria, as sentences; they are called I1, I2, …
#   questions    what a person must answer before it can be built
#   tasks        one or more: title, criteria (keys: AC1, I1), module, exports, tests, lines, depends_on (positions from 1), complexity, hints
#
# What the PRD says itself is changed in the PRD. `fingerprint` stays as it is.
"""


def _edit(prd: Prd, config: Config, runs: Path, readings: Readings) -> None:
    """Open the additions in an editor; they count when they are right."""
    place = plans.place(runs, prd)
    draft = place.with_name(f"{prd.id}.edited.yaml")
    before = plans.load(runs, prd)
    marks = {each.key: outline.fingerprint([each]) for each in prd.requirements}
    current = {
        key: before.requirements[key] for key, mark in marks.items() if key in before.requirements and before.requirements[key].fingerprint == mark
    }
    shown = {key: current.get(key) or PlannedRequirement(fingerprint=mark) for key, mark in marks.items()}
    if not draft.exists():
        write_atomically(draft, EDITED.format(path=prd.path) + plans.body(before.model_copy(update={"requirements": shown})))
    if _editor()(draft):
        raise UsageError(f"the editor ended with an error; what it wrote is in {draft}", hint=f"`orchestrator plan --edit {prd.id}` goes on with it")
    try:
        text = draft.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{draft}: cannot be read: {error}", hint=f"remove it, then `orchestrator plan --edit {prd.id}` begins anew") from None
    after = plans.parse(text, str(draft), prd)
    if wrong := plans.wrong(prd, after):
        told = "\n  ".join(wrong)
        raise PlanError(f"{draft}: not taken, since it does not fit together:\n  {told}", hint=f"`orchestrator plan --edit {prd.id}` goes on with it")
    stale = [key for key, entry in after.requirements.items() if key in marks and entry.fingerprint != marks[key]]
    unknown = [key for key in after.requirements if key not in marks]
    if stale or unknown:
        said = [f"`{key}` is no requirement of {prd.path}" for key in unknown]
        said += [f"`{key}`: its fingerprint is not that of the requirement as it is worded now ({marks[key]})" for key in stale]
        raise PlanError(f"{draft}: not taken: {'; '.join(said)}", hint=f"`orchestrator plan --edit {prd.id}` goes on with it")
    kept = {
        key: _by_person(entry, current.get(key)) for key, entry in after.requirements.items() if entry != PlannedRequirement(fingerprint=marks[key])
    }
    plans.keep(runs, prd, after.model_copy(update={"requirements": kept, "cleared": before.cleared, "approved": before.approved}))
    draft.unlink()
    changed = [key for key in marks if kept.get(key) != current.get(key)]
    print(f"edited   {prd.id}: {', '.join(changed) or 'nothing changed'} ({place})")


def _by_person(entry: PlannedRequirement, before: PlannedRequirement | None) -> PlannedRequirement:
    return entry if entry == before else entry.model_copy(update={"by": "person", "notes": ()})


def _editor() -> Callable[[Path], int]:
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    if not command.strip():
        raise UsageError("--edit: no editor is set", hint="set the environment variable EDITOR, for example `EDITOR=nano`")
    words = shlex.split(command)

    def run(path: Path) -> int:
        try:
            return subprocess.run([*words, str(path)], check=False).returncode
        except OSError as error:
            raise UsageError(f"--edit: the editor `{command}` cannot be started: {error}", hint="set the environment variable EDITOR") from None

    return run
