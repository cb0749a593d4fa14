"""The commands for what stands: retry, verify, status, trace, prune, breakers, doctor. Each reads or mends a working folder, prints, and ends.

Heavy imports stay inside the commands, as in cli.py.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import Exit, OrchestratorError, UsageError

if TYPE_CHECKING:
    from orchestrator.config import Config


def opened(options: argparse.Namespace) -> tuple[Path, Config]:
    """The working folder that a command is for, and its configuration with what the command changes of it."""
    from orchestrator import config

    root = options.root.resolve()
    if not root.is_dir():
        raise UsageError(f"{options.root}: not a folder", hint="make a working folder with `orchestrator init`")
    loaded = config.load(root)
    changes: dict[str, Any] = {}
    if getattr(options, "progress", None):
        changes["progress"] = options.progress
    if getattr(options, "record", False):
        changes["record"] = True
    if getattr(options, "agent", None):
        if options.agent not in ("auto", "recorded", *loaded.agents):
            known = ", ".join(["auto", "recorded", *loaded.agents])
            raise UsageError(f"--agent {options.agent}: there is no such agent", hint=f"known: {known}; agents are configured in orchestrator.yaml")
        changes["agent"] = options.agent
    if (workers := getattr(options, "workers", None)) is not None:
        if not 1 <= workers <= config.MOST_WORKERS:
            raise UsageError(f"--workers {workers}: from 1 to {config.MOST_WORKERS}")
        changes["workers"] = workers
    return root, loaded.model_copy(update=changes)


def say_damage(root: Path, config: Config, *, quickly: bool = False) -> bool:
    """Say which databases are damaged, the ledger among them, and whether any is. `quickly`: of large ones not every page is looked at."""
    from orchestrator.errors import DamagedError
    from orchestrator.save import health, recount

    found = health.projects(config.folder(root, "runs"), most=health.LARGE if quickly else math.inf)
    for project, why in found.items():
        print(f"{project}: {DamagedError(why)}", file=sys.stderr)
    if why := recount.complaint(config.folder(root, "runs")):
        print(DamagedError(why), file=sys.stderr)
    return bool(found or why)


def retry(options: argparse.Namespace) -> Exit:
    from orchestrator import pipeline

    root, config = opened(options)
    tasks = pipeline.retry(root, config, tuple(options.names))
    for task in tasks:
        print(f"{task}: ready, the next run tries it again")
    if not tasks:
        print("no task has failed, is parked, or needs a person for what a run found")
    return Exit.INTERNAL if say_damage(root, config) else Exit.DONE


def verify(options: argparse.Namespace) -> Exit:
    from orchestrator import pipeline
    from orchestrator.show.console import terminal, verdicts
    from orchestrator.verify import verify

    root, config = opened(options)
    if options.reopen and (options.quick or options.bundle):
        raise UsageError("--reopen needs to execute what is in `runs`", hint="leave out --quick and --bundle")
    found: list[verdicts.ProjectVerdict] = []
    reopened: list[str] = []
    for project in verify(root, config, tuple(options.names), bundle=options.bundle, quick=options.quick):
        found.append(project)
        if not options.json:
            print(terminal.safe("\n".join(verdicts.lines(project))))
        if options.reopen:
            reopened += pipeline.reopen(root, config, project.project, verdicts.regressed(project))
    if options.json:
        import json

        print(json.dumps(verdicts.as_json(tuple(found)), indent=2))
    else:
        print(terminal.safe(verdicts.summary(tuple(found))))
        for task in reopened:
            print(f"{task}: ready, the next run does it again")
    return Exit.DONE if all(project.holds for project in found) else Exit.TASK_FAILED


def status(options: argparse.Namespace) -> Exit:
    import json
    import time

    from orchestrator.run.lifecycle import STATES
    from orchestrator.save import receipts
    from orchestrator.save.ledger import ledger_of
    from orchestrator.save.overview import overview
    from orchestrator.show.console import status
    from orchestrator.show.messages import markdown

    root, config = opened(options)
    fail_on = {name.strip() for name in options.fail_on.split(",") if name.strip()}
    if unknown := fail_on - {*STATES, "validation"}:
        hint = f"states: {', '.join(STATES)}; and `validation`"
        raise UsageError(f"--fail-on {options.fail_on}: no such state: {', '.join(sorted(unknown))}", hint=hint)
    while True:
        found = overview(root, config, ledger_of(root, config))
        if options.watch and sys.stdout.isatty():
            print("\033[H\033[2J", end="")
        if options.markdown:
            print(markdown.status(found, receipts.read(config.folder(root, "runs"))), flush=True)
        else:
            print(json.dumps(status.as_json(found), indent=None if options.watch else 2) if options.json else status.text(found), flush=True)
        if not options.watch:
            break
        time.sleep(2)
    if say_damage(root, config, quickly=True):
        return Exit.INTERNAL
    complaining = "validation" in fail_on and any(project.complaining for project in found.projects)
    return Exit.TASK_FAILED if complaining or any(each.states.get(state) for each in found.projects for state in fail_on) else Exit.DONE


def validate(options: argparse.Namespace) -> Exit:
    """Each PRD in turn; one that another process works on is passed over and said."""
    from orchestrator import on_demand
    from orchestrator.show.console import terminal, validations

    root, config = opened(options)
    what = on_demand.What(tuple(name for name in options.names if name != "all"), options.phase, only_dependencies=options.dependencies)
    found = list(on_demand.look(root, config, what))
    if options.json:
        import json

        print(json.dumps(validations.as_json(found), indent=2))
    else:
        print(terminal.safe("\n\n".join(validations.text(each) for each in found) or "nothing to validate: no PRD has been worked on"))
    codes = {each.exit_code for each in found}
    return Exit.TASK_FAILED if Exit.TASK_FAILED in codes else max(codes, default=Exit.DONE)


def trace(options: argparse.Namespace) -> Exit:
    from orchestrator.save.trace import trace
    from orchestrator.show.console import terminal

    root, config = opened(options)
    found = trace(root, config, options.what)
    print(found.model_dump_json(indent=2) if options.json else terminal.trace(found))
    return Exit.DONE


def prune(options: argparse.Namespace) -> Exit:
    import json

    from orchestrator.save.prune import prune
    from orchestrator.show.console import retention

    root, config = opened(options)
    found = prune(root, config, dry_run=options.dry_run)
    print(json.dumps(retention.as_json(found, dry_run=options.dry_run), indent=2) if options.json else retention.text(found, dry_run=options.dry_run))
    if found.failed or found.passed_over.keys() - found.locked:
        return Exit.INTERNAL
    return Exit.LOCKED if found.locked else Exit.DONE


def breakers(options: argparse.Namespace) -> Exit:
    import json
    import time

    from orchestrator.save.ledger import ledger_of
    from orchestrator.show.console import breakers, terminal

    root, config = opened(options)
    ledger = ledger_of(root, config)
    standing, now = ledger.standing(), time.time()
    if options.json:
        print(json.dumps(breakers.as_json(standing, now) | {"trips": list(ledger.trips())}, indent=2))
    else:
        print(terminal.safe("\n".join(breakers.lines(standing, now))))
    return Exit.DONE


def breakers_reset(options: argparse.Namespace) -> Exit:
    from orchestrator import pipeline
    from orchestrator.save import limits
    from orchestrator.save.ledger import ledger_of

    root, config = opened(options)
    ledger = ledger_of(root, config)
    standing = ledger.standing()
    chosen = tuple(breaker for breaker in standing if not options.names or {breaker.name, breaker.name.rpartition(" ")[0]} & {*options.names})
    if missing := [name for name in options.names if not any(name in (item.name, item.name.rpartition(" ")[0]) for item in chosen)]:
        raise UsageError(f"no breaker is called {', '.join(missing)}", hint="`orchestrator breakers` names them")
    ledger.reset(chosen)
    limits.write(ledger, pipeline.inbox(root, config)[0].prds)
    for breaker in standing if any(item.scope == "system" for item in chosen) else chosen:
        print(f"{breaker.scope} {breaker.name}: closed" + ("" if breaker.state == "closed" else f" (was {breaker.state}: {breaker.reason})"))
    return Exit.DONE


def doctor(options: argparse.Namespace) -> Exit:
    from orchestrator.run import doctor, survey
    from orchestrator.save import health, recount

    root, config = opened(options)
    if options.rebuild is not None:
        return _rebuild(root, config, tuple(options.rebuild))
    if options.live is not None:
        return _live(root, config, options)
    report = doctor.examine(root, config)
    agents = survey.agents(root, config)
    advice = survey.advice(config, agents)
    damaged = health.projects(config.folder(root, "runs"))
    if why := recount.complaint(config.folder(root, "runs")):
        damaged["orchestrator.sqlite"] = why
    if options.json:
        import json
        from dataclasses import asdict

        print(json.dumps(asdict(report) | {"agents": [asdict(each) for each in agents], "advice": advice, "damaged": damaged}, indent=2))
    else:
        print(f"{doctor.text(report)}\n\n{survey.text(agents, advice)}")
        say_damage(root, config)
    return Exit.INTERNAL if damaged else Exit.DONE if report.accepted else Exit.PARKED


def _live(root: Path, config: Config, options: argparse.Namespace) -> Exit:
    from orchestrator import trial
    from orchestrator.show.console import terminal

    answers = trial.ask_all(root, config, tuple(options.live))
    if options.json:
        import json
        from dataclasses import asdict

        print(json.dumps([asdict(each) for each in answers], indent=2))
    else:
        print(terminal.safe(trial.text(answers)))
    return Exit.DONE if answers and all(each.works for each in answers) else Exit.PARKED


def _rebuild(root: Path, config: Config, names: tuple[str, ...]) -> Exit:
    """Every project in turn; what one cannot do stops that one only."""
    from orchestrator.save import recount
    from orchestrator.save.ledger import ledger_of
    from orchestrator.save.rebuild import rebuild
    from orchestrator.show.console import terminal

    runs = config.folder(root, "runs")
    folders = {
        path.name: path for path in sorted(runs.glob("*")) if any((path / name).exists() for name in ("project.sqlite", "reports", "repo.git"))
    }
    if unknown := {*names} - {*folders}:
        raise UsageError(f"no project is called {', '.join(sorted(unknown))}", hint=f"projects are the folders of {runs}")
    code, said = Exit.DONE, False
    for name, folder in folders.items():
        if names and name not in names:
            continue
        try:
            lines = rebuild(folder, root, forced=name in names)
        except OrchestratorError as error:
            lines, code = (str(error),), max(code, error.exit_code)
        for line in lines:
            said = True
            print(terminal.safe(f"{name}: {line}"), flush=True)
    try:
        lines = recount.recount(ledger_of(root, config))
    except OrchestratorError as error:
        lines, code = (str(error),), max(code, error.exit_code)
    for line in lines:
        said = True
        print(terminal.safe(line), flush=True)
    if not said:
        print("nothing is damaged")
    return code
