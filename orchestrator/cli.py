"""The commands: parse flags, call the pipeline, print. Heavy imports stay inside the commands, so that `--help` is quick."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import __version__, faults
from orchestrator.errors import Exit, OrchestratorError, UsageError

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.save.reports import ProjectReport

EXIT_CODES = """exit codes:
  0 done or nothing to do    1 a task failed        2 usage or configuration    3 needs a person
  4 a PRD was set aside      5 parked or waiting    6 locked by another process 70 internal error"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the process's exit code."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a log file or a pipe shows each line when it is said, not when the process ends
    try:
        with faults.recognised(options.root):
            return int(options.command(options))
    except OrchestratorError as error:
        print(f"orchestrator: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("orchestrator: stopped; the next run continues where this one ended", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="orchestrator",
        description="Turns product requirement documents into tested code, and shows exactly what was proved.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"orchestrator {__version__}")
    parser.add_argument("-C", "--root", type=Path, default=Path(), metavar="FOLDER", help="the working folder (default: this one)")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, function: Any, text: str, parent: Any = commands) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = parent.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
        command.set_defaults(command=function)
        return command

    command = add("init", _init, "make a working folder: configuration, a first PRD, .gitignore")
    command.add_argument("folder", type=Path, nargs="?", help="where (default: the working folder)")
    command.add_argument("--force", action="store_true", help="write over files that are there")

    command = add("check", _check, "parse the PRDs and say what is wrong or missing, without running anything")
    command.add_argument("--json", action="store_true", help="machine-readable")
    command.add_argument("paths", nargs="*", type=Path, help="only these files (default: all)")

    command = add("plan", _plan, "show the tasks, their order and what would run")
    command.add_argument("--json", action="store_true", help="machine-readable")

    command = add("run", _run, "do what is new, changed or ready, rebuild the site, and end")
    command.add_argument("--record", action="store_true", help="write every agent answer to `recordings`")
    command.add_argument("--agent", metavar="NAME", help="the agent for this run (default: as configured)")
    command.add_argument("--no-site", action="store_true", help="leave the site as it is")

    command = add("watch", _watch, "run whenever a PRD changes or the schedule says so, until ended")
    command.add_argument("--agent", metavar="NAME", help="the agent (default: as configured)")

    command = add("retry", _retry, "let failed tasks be tried again by the next run, and parked ones without waiting")
    command.add_argument("names", nargs="*", metavar="NAME", help="tasks (`loans#R2`), PRDs or projects (default: every failed or parked task)")

    command = add("verify", _verify, "prove again, without any agent, what is done: evidence, reports, history, RED and GREEN")
    command.epilog = "Ends with 0 when all of it holds (or nothing is done), with 1 when anything is wrong."
    command.add_argument("names", nargs="*", metavar="NAME", help="tasks (`loans#R2`), PRDs, projects or runs (default: everything that is done)")
    command.add_argument("--bundle", type=Path, metavar="FILE", help="verify this git bundle, with nothing else of the run at hand")
    command.add_argument("--quick", action="store_true", help="hashes and git only: nothing is executed")
    command.add_argument("--reopen", action="store_true", help="what no longer holds when it is executed is done again by the next run")
    command.add_argument("--json", action="store_true", help="machine-readable")

    command = add("status", _status, "say where every project stands, what was spent, and what holds back turns")
    command.epilog = "Ends with 0, or with 1 when a task is in a state that --fail-on names."
    command.add_argument("--json", action="store_true", help="machine-readable")
    command.add_argument("--watch", action="store_true", help="again every two seconds, until Ctrl-C")
    command.add_argument("--fail-on", metavar="STATES", default="", help="states of tasks, for example `failed,unclear,parked`")

    breakers = commands.add_parser("breakers", help="show or reset the circuit breakers", description="The circuit breakers.")
    breakers.set_defaults(command=_breakers)
    breakers.add_argument("--json", action="store_true", help="machine-readable")
    parts = breakers.add_subparsers(title="commands", metavar="COMMAND")
    command = add("reset", _breakers_reset, "close breakers by hand", parts)
    command.add_argument("names", nargs="*", metavar="NAME", help="agents, tasks (`loans#R2`), or `system` (default: every breaker)")

    command = add("doctor", _doctor, "say how strongly code of agents is shut in on this machine, and what is damaged; make that good")
    command.add_argument(
        "--rebuild",
        nargs="*",
        metavar="PROJECT",
        help="set what is damaged aside and make it anew from reports, evidence and git; with names: their databases in any case",
    )
    command.add_argument("--json", action="store_true", help="machine-readable")

    site = commands.add_parser("site", help="build or serve the static site", description="The static site.")
    parts = site.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add("build", _site_build, "build the site from the reports", parts)
    command = add("serve", _site_serve, "serve the site on loopback, for looking at it", parts)
    command.add_argument("--port", type=int, default=8008, help="default: 8008")
    add("schema", _site_schema, "print the JSON Schemas of the reports", parts)
    return parser


def _folder(options: argparse.Namespace) -> tuple[Path, Config]:
    from orchestrator import config

    root = options.root.resolve()
    if not root.is_dir():
        raise UsageError(f"{options.root}: not a folder", hint="make a working folder with `orchestrator init`")
    loaded = config.load(root)
    changes: dict[str, Any] = {}
    if getattr(options, "record", False):
        changes["record"] = True
    if getattr(options, "agent", None):
        if options.agent not in ("auto", "recorded", *loaded.agents):
            known = ", ".join(["auto", "recorded", *loaded.agents])
            raise UsageError(f"--agent {options.agent}: there is no such agent", hint=f"known: {known}; agents are configured in orchestrator.yaml")
        changes["agent"] = options.agent
    return root, loaded.model_copy(update=changes)


def _init(options: argparse.Namespace) -> Exit:
    from orchestrator.start import make

    folder = (options.folder or options.root).resolve()
    for line in make(folder, force=options.force):
        print(line)
    return Exit.DONE


def _check(options: argparse.Namespace) -> Exit:
    from orchestrator import pipeline
    from orchestrator.inbox.folder import scan
    from orchestrator.plan import thin
    from orchestrator.save import receipts
    from orchestrator.show import terminal

    root, config = _folder(options)
    found = scan(root, config, receipts.known(config.folder(root, "runs")))
    wanted = {str(path.resolve()) for path in options.paths}
    for path in options.paths:
        if str(path.resolve()) not in {str((root / file.path).absolute()) for file in found.files}:
            raise UsageError(f"{path}: not a PRD of this working folder", hint=f"PRDs lie in {config.folder(root, 'prds')} and end in .md")

    def chosen(path: str) -> bool:
        return not wanted or str((root / path).absolute()) in wanted

    notes = [note for prd in found.prds for note in thin.notes(prd, pipeline.plan_of(prd, config))]
    problems = [each for each in (*found.problems, *notes) if chosen(each.path)]
    problems.sort(key=lambda each: (each.path, each.line, each.severity, each.code))
    files = [file for file in found.files if chosen(file.path)]
    refused = sum(file.state == "set aside" for file in files)
    if options.json:
        import json
        from dataclasses import asdict

        print(json.dumps({"files": [asdict(file) for file in files], "problems": [asdict(problem) for problem in problems]}, indent=2))
    else:
        if problems:
            print(terminal.problems(problems))
        examples = sum(file.examples for file in files)
        criteria = sum(file.criteria for file in files)
        said = len(problems)
        print(
            f"{count(len(files), 'PRD')}, {criteria} criteria, {count(examples, 'executable example')}; "
            f"{refused} set aside, {count(said, 'problem or note') if said == 1 else f'{said} problems and notes'}"
        )
    return Exit.SET_ASIDE if refused else Exit.DONE


def _plan(options: argparse.Namespace) -> Exit:
    from orchestrator import pipeline
    from orchestrator.inbox.folder import scan
    from orchestrator.save import receipts
    from orchestrator.show import terminal

    root, config = _folder(options)
    found = scan(root, config, receipts.known(config.folder(root, "runs")))
    plans = pipeline.plans(found, config)
    states = pipeline.task_states(root, config)
    if options.json:
        import json
        from dataclasses import asdict

        entries = [asdict(plan) | {"would": {task.id: terminal.would(task, states) for task in plan.tasks}, "path": prd.path} for prd, plan in plans]
        print(json.dumps(entries, indent=2))
    else:
        errors = [problem for problem in found.problems if problem.severity == "error"]
        if errors:
            print(terminal.problems(errors), file=sys.stderr)
        print(terminal.plan_tree(plans, states))
    _damaged(root, config)
    return Exit.DONE


def _run(options: argparse.Namespace) -> Exit:
    root, config = _folder(options)
    return run_once(root, config, build_site=not options.no_site)


def run_once(root: Path, config: Config, *, build_site: bool = True) -> Exit:
    """One run and what it prints; `watch` calls it too. Ends cleanly on SIGTERM."""
    import signal

    from orchestrator import pipeline
    from orchestrator.show import terminal

    if not config.folder(root, "prds").is_dir():
        raise UsageError(f"{config.folder(root, 'prds')}: there is no folder of PRDs", hint="make a working folder with `orchestrator init`")
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with faults.recognised(config.folder(root, "runs")):
            outcome = pipeline.run(root, config, lambda line: print(terminal.safe(line), flush=True))
    finally:
        signal.signal(signal.SIGTERM, before)
    inbox = pipeline.read_inbox(root, config)
    from orchestrator.model import Problem

    aside = [
        Problem(**problem.model_dump())
        for receipt in inbox.receipts
        if receipt.state == "set aside"
        for problem in receipt.problems
        if problem.severity == "error"
    ]
    if aside:
        print(terminal.problems(aside))
    reports = project_reports(root, config)
    print()
    print(terminal.table(reports))
    questions = terminal.questions(reports)
    if questions:
        print(f"\n{questions}")
    if outcome.nothing_new:
        print("\nnothing new")
    else:
        print(f"\nthis run: {count(outcome.turns, 'turn')}, {count(outcome.done, 'task')} done")
    if build_site:
        from orchestrator.show import site

        with faults.recognised(config.folder(root, "site")):
            print(site.build(root, config))
    return outcome.exit_code


def count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def project_reports(root: Path, config: Config) -> list[ProjectReport]:
    from orchestrator.save.reports import ProjectReport

    found = []
    for path in sorted(config.folder(root, "runs").glob("*/reports/project.json")):
        try:
            found.append(ProjectReport.model_validate_json(path.read_bytes()))
        except (OSError, ValueError) as error:
            print(
                f"{path}: not a report of this version: {str(error).splitlines()[0]}\n  → the next `orchestrator run` writes it anew", file=sys.stderr
            )
    return found


def _damaged(root: Path, config: Config) -> bool:
    """Say which databases are damaged, the ledger among them, and whether any is."""
    from orchestrator.errors import DamagedError
    from orchestrator.save import health, recount

    found = health.projects(config.folder(root, "runs"))
    for project, why in found.items():
        print(f"{project}: {DamagedError(why)}", file=sys.stderr)
    if why := recount.complaint(config.folder(root, "runs")):
        print(DamagedError(why), file=sys.stderr)
    return bool(found or why)


def _watch(options: argparse.Namespace) -> Exit:
    from orchestrator.inbox import watch

    root, config = _folder(options)
    return watch.watch(root, config, run_once)


def _retry(options: argparse.Namespace) -> Exit:
    from orchestrator import pipeline

    root, config = _folder(options)
    tasks = pipeline.retry(root, config, tuple(options.names))
    for task in tasks:
        print(f"{task}: ready, the next run tries it again")
    if not tasks:
        print("no task has failed or is parked")
    return Exit.INTERNAL if _damaged(root, config) else Exit.DONE


def _verify(options: argparse.Namespace) -> Exit:
    from orchestrator import pipeline
    from orchestrator.show import terminal, verdicts
    from orchestrator.verify import verify

    root, config = _folder(options)
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


def _status(options: argparse.Namespace) -> Exit:
    import json
    import time

    from orchestrator.run.lifecycle import STATES
    from orchestrator.save.ledger import ledger_of
    from orchestrator.save.overview import overview
    from orchestrator.show import status

    root, config = _folder(options)
    fail_on = {name.strip() for name in options.fail_on.split(",") if name.strip()}
    if unknown := fail_on - {*STATES}:
        raise UsageError(f"--fail-on {options.fail_on}: no such state: {', '.join(sorted(unknown))}", hint=f"states: {', '.join(STATES)}")
    while True:
        found = overview(root, config, ledger_of(root, config))
        if options.watch and sys.stdout.isatty():
            print("\033[H\033[2J", end="")
        print(json.dumps(status.as_json(found), indent=None if options.watch else 2) if options.json else status.text(found), flush=True)
        if not options.watch:
            break
        time.sleep(2)
    if _damaged(root, config):
        return Exit.INTERNAL
    return Exit.TASK_FAILED if any(project.states.get(state) for project in found.projects for state in fail_on) else Exit.DONE


def _breakers(options: argparse.Namespace) -> Exit:
    import json
    import time

    from orchestrator.save.ledger import ledger_of
    from orchestrator.show import breakers, terminal

    root, config = _folder(options)
    ledger = ledger_of(root, config)
    standing, now = ledger.standing(), time.time()
    if options.json:
        print(json.dumps(breakers.as_json(standing, now) | {"trips": list(ledger.trips())}, indent=2))
    else:
        print(terminal.safe("\n".join(breakers.lines(standing, now))))
    return Exit.DONE


def _breakers_reset(options: argparse.Namespace) -> Exit:
    from orchestrator.save.ledger import ledger_of

    root, config = _folder(options)
    ledger = ledger_of(root, config)
    standing = ledger.standing()
    chosen = tuple(breaker for breaker in standing if not options.names or {breaker.name, breaker.name.rpartition(" ")[0]} & {*options.names})
    if missing := [name for name in options.names if not any(name in (item.name, item.name.rpartition(" ")[0]) for item in chosen)]:
        raise UsageError(f"no breaker is called {', '.join(missing)}", hint="`orchestrator breakers` names them")
    ledger.reset(chosen)
    for breaker in standing if any(item.scope == "system" for item in chosen) else chosen:
        print(f"{breaker.scope} {breaker.name}: closed" + ("" if breaker.state == "closed" else f" (was {breaker.state}: {breaker.reason})"))
    return Exit.DONE


def _doctor(options: argparse.Namespace) -> Exit:
    from orchestrator.run import doctor
    from orchestrator.save import health, recount

    root, config = _folder(options)
    if options.rebuild is not None:
        return _rebuild(root, config, tuple(options.rebuild))
    report = doctor.examine(root, config)
    damaged = health.projects(config.folder(root, "runs"))
    if why := recount.complaint(config.folder(root, "runs")):
        damaged["orchestrator.sqlite"] = why
    if options.json:
        import json
        from dataclasses import asdict

        print(json.dumps(asdict(report) | {"damaged": damaged}, indent=2))
    else:
        print(doctor.text(report))
        _damaged(root, config)
    return Exit.INTERNAL if damaged else Exit.DONE if report.accepted else Exit.PARKED


def _rebuild(root: Path, config: Config, names: tuple[str, ...]) -> Exit:
    """Every project in turn; what one cannot do stops that one only."""
    from orchestrator.save import recount
    from orchestrator.save.ledger import ledger_of
    from orchestrator.save.rebuild import rebuild
    from orchestrator.show import terminal

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


def _site_build(options: argparse.Namespace) -> Exit:
    from orchestrator.show import site

    root, config = _folder(options)
    print(site.build(root, config))
    return Exit.DONE


def _site_serve(options: argparse.Namespace) -> Exit:
    from orchestrator.show import site

    root, config = _folder(options)
    site.build(root, config)
    site.serve(root, config, options.port)
    return Exit.DONE


def _site_schema(options: argparse.Namespace) -> Exit:
    import json

    from orchestrator.show import site

    print(json.dumps(site.schema(), indent=2))
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
