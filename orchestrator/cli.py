"""The commands: parse flags, call the pipeline, print. Heavy imports stay inside the commands, so that `--help` is quick."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import __version__, ci, faults, listening, metrics, site_command, upkeep
from orchestrator.errors import Exit, OrchestratorError, UsageError
from orchestrator.upkeep import opened, say_damage

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.config import Config
    from orchestrator.outcome import Outcome
    from orchestrator.save.reports import ProjectReport
    from orchestrator.sharding import Shard

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

    def progress(command: argparse.ArgumentParser) -> None:
        shown = "; ".join(f"`{name}`: {text}" for name, text in listening.MODES.items())
        command.add_argument("--progress", choices=listening.MODES, help=f"what is shown while it works. {shown} (default: as configured)")

    command = add("init", _init, "make a working folder: configuration, a first PRD, .gitignore")
    command.add_argument("folder", type=Path, nargs="?", help="where (default: the working folder)")
    command.add_argument("--force", action="store_true", help="write over files that are there")
    command.add_argument("--systemd", action="store_true", help="units that run the working folder: a service that watches, or a timer")
    command.add_argument("--cron", action="store_true", help="a crontab line that runs the working folder every few minutes")
    command.add_argument("--ci", choices=ci.HOSTS, help="with a tested template for that host, and the settings it needs")

    command = add("new", _new, "write a PRD to fill in, which `check` accepts")
    command.add_argument("title", help="what it is called")
    command.add_argument("--file", default="", metavar="NAME", help="of the file in the folder of PRDs (default: from the title)")
    command.add_argument("--project", default="", metavar="NAME", help="the project it belongs to (default: its own)")
    command.add_argument("--repo", default="", metavar="REPOSITORY", help="the repository its code is for (default: a new one)")
    command.add_argument("--phases", type=int, default=0, metavar="N", help="with a section for so many phases")
    command.add_argument("--modules", action="store_true", help="with a section for the module structure")
    command.add_argument("--api", action="store_true", help="with a requirement for a command-line interface")

    command = add("check", _check, "parse the PRDs and say what is wrong or missing, without running anything")
    command.add_argument("--json", action="store_true", help="machine-readable")
    command.add_argument("paths", nargs="*", type=Path, help="only these files (default: all)")

    command = add("plan", _plan, "show the tasks, their order and what would run; have them planned, edit, agree to or forget plans")
    command.add_argument("names", nargs="*", metavar="NAME", help="PRDs, projects or files (default: all)")
    command.add_argument("--json", action="store_true", help="machine-readable")
    command.add_argument("--markdown", action="store_true", help="what would run, as a summary for CI")
    changes = command.add_mutually_exclusive_group()
    changes.add_argument("--decompose", action="store_true", help="ask the planning agent now about what the PRDs leave open; no task begins")
    changes.add_argument("--edit", action="store_true", help="open what was added to a PRD in $EDITOR, and check it before it counts")
    changes.add_argument("--approve", action="store_true", help="agree to the plan, where `planning.approve` is `person`")
    changes.add_argument("--clear", action="store_true", help="forget what was added to a PRD and agreed to; the planning agent is asked anew")

    command = add("run", _run, "do what is new, changed or ready, rebuild the site, and end")
    command.add_argument("--due", action="store_true", help="only what is due: the schedule, PRDs that are new or may begin, what may go on")
    command.add_argument("--record", action="store_true", help="write every agent answer to `recordings`")
    command.add_argument("--agent", metavar="NAME", help="the agent for this run (default: as configured)")
    command.add_argument("--no-site", action="store_true", help="leave the site as it is")
    command.add_argument("--phase", type=int, metavar="N", help="only phase N and those before it")
    command.add_argument("--workers", type=int, metavar="N", help="ask so many agents at once (default: two more than there are cores)")
    command.add_argument("--shard", metavar="K/N", help="only the K-th of N parts of the projects, for several machines")
    command.add_argument("--no-phase-gates", action="store_true", help="a phase begins when the one before is done, without its gate")
    progress(command)

    command = add("watch", _watch, "run whenever a PRD changes or the schedule says so, until ended")
    command.add_argument("--agent", metavar="NAME", help="the agent (default: as configured)")
    command.add_argument("--workers", type=int, metavar="N", help="ask so many agents at once (default: two more than there are cores)")
    progress(command)

    command = add("retry", upkeep.retry, "let tasks that failed or need a person be tried again by the next run, and parked ones without waiting")
    command.add_argument("names", nargs="*", metavar="NAME", help="tasks (`loans#R2`), PRDs or projects (default: every such task)")

    command = add("verify", upkeep.verify, "prove again, without any agent, what is done: evidence, reports, history, RED and GREEN")
    command.epilog = "Ends with 0 when all of it holds (or nothing is done), with 1 when anything is wrong."
    command.add_argument("names", nargs="*", metavar="NAME", help="tasks (`loans#R2`), PRDs, projects or runs (default: everything that is done)")
    command.add_argument("--bundle", type=Path, metavar="FILE", help="verify this git bundle, with nothing else of the run at hand")
    command.add_argument("--quick", action="store_true", help="hashes and git only: nothing is executed")
    command.add_argument("--reopen", action="store_true", help="what no longer holds when it is executed is done again by the next run")
    command.add_argument("--json", action="store_true", help="machine-readable")

    command = add("validate", upkeep.validate, "look at branches as a whole: suite, linters, what is committed, proved, and in which order")
    command.epilog = (
        "Ends with 0 when nothing is wrong, with 1 when something is, with 5 when it could not be looked at, with 6 when it is being worked on."
    )
    command.add_argument("names", nargs="*", metavar="NAME", help="PRDs, projects or runs (default, or `all`: every PRD that was worked on)")
    command.add_argument("--phase", type=int, metavar="N", help="the gate of phase N instead: the suite, and all that is finished, proved again")
    command.add_argument("--dependencies", action="store_true", help="only the dependencies of the plans; nothing is run")
    command.add_argument("--json", action="store_true", help="machine-readable")

    command = add("deliver", _deliver, "push the branches of complete PRDs to their repositories, open requests for them, or merge them")
    command.epilog = (
        "Ends with 0 when everything that was asked for is there, with 1 when a PRD is not complete or not valid, with 3 when a person is needed, "
        "with 5 when a repository could not be reached, with 6 when a project is being worked on."
    )
    command.add_argument("names", nargs="*", metavar="PRD", help="PRDs or projects (default: every complete PRD that has a target)")
    command.add_argument("--dry-run", action="store_true", help="only say what would be done, and show the request's text")
    command.add_argument("--as", dest="how", choices=["branch", "pull-request", "merge"], help="how (default: `deliver` of configuration and PRD)")
    command.add_argument("--title", default="", metavar="TEXT", help="of the request (default: the PRD's)")
    command.add_argument("--json", action="store_true", help="machine-readable")

    command = add("notify", _notify, "say who is told what runs do, and send a test")
    command.add_argument("--test", action="store_true", help="send each of them a message now")

    command = add("status", upkeep.status, "say where every project stands, what was spent, and what holds back turns")
    command.epilog = "Ends with 0, or with 1 when a task is in a state that --fail-on names."
    command.add_argument("--json", action="store_true", help="machine-readable")
    command.add_argument("--markdown", action="store_true", help="as a summary for CI: a job's, or a comment on a pull request")
    command.add_argument("--watch", action="store_true", help="again every two seconds, until Ctrl-C")
    command.add_argument("--fail-on", metavar="STATES", default="", help="states of tasks, and `validation`: for example `failed,unclear,parked`")

    command = add("trace", upkeep.trace, "show what belongs together: requirement, criterion, task, tests, files, commits")
    command.add_argument(
        "what", nargs="?", default="", metavar="NAME", help="`loans#R2`, `R2.AC1`, a PRD, a test, a file, a line `prds/loans.md:43`, a commit"
    )
    command.add_argument("--json", action="store_true", help="machine-readable")

    command = add("metrics", metrics.command, "print the metrics in Prometheus' text format, or write them to a file")
    command.add_argument("--out", type=Path, metavar="FILE", help="replace this file (`….prom`), for the node exporter's textfile collector")

    command = add("prune", upkeep.prune, "remove what is old and what nothing needs: runs, texts, transcripts, journals, environments")
    command.epilog = (
        "Ends with 0, with 6 when a project was passed over since it is being worked on, with 70 when something could not be read or removed. "
        "`retention` in the configuration says what is old. Evidence, git, and what is done always stay."
    )
    command.add_argument("--dry-run", action="store_true", help="only say what would go")
    command.add_argument("--json", action="store_true", help="machine-readable, with each thing by name")

    state = commands.add_parser("state", help="say what the state branch holds, or bring it", description="The state branch (`state: branch`).")
    state.set_defaults(command=ci.state)
    parts = state.add_subparsers(title="commands", metavar="COMMAND")
    add("pull", ci.state_pull, "bring what other machines have done into this working folder, as a run does when it begins", parts)

    breakers = commands.add_parser("breakers", help="show or reset the circuit breakers", description="The circuit breakers.")
    breakers.set_defaults(command=upkeep.breakers)
    breakers.add_argument("--json", action="store_true", help="machine-readable")
    parts = breakers.add_subparsers(title="commands", metavar="COMMAND")
    command = add("reset", upkeep.breakers_reset, "close breakers by hand", parts)
    command.add_argument("names", nargs="*", metavar="NAME", help="agents, tasks (`loans#R2`), or `system` (default: every breaker)")

    command = add("doctor", upkeep.doctor, "say how strongly code of agents is shut in, which agents there are, and what is damaged; make that good")
    command.add_argument(
        "--live",
        nargs="*",
        metavar="AGENT",
        help="ask agents one tiny thing, a paid turn each, and say what came back (default: all that are configured)",
    )
    command.add_argument(
        "--rebuild",
        nargs="*",
        metavar="PROJECT",
        help="set what is damaged aside and make it anew from reports, evidence and git; with names: their databases in any case",
    )
    command.add_argument("--json", action="store_true", help="machine-readable")

    site = commands.add_parser("site", help="build or serve the static site", description="The static site.")
    parts = site.add_subparsers(title="commands", required=True, metavar="COMMAND")
    command = add("build", site_command.build, "build the site from the reports", parts)
    command.add_argument(
        "--from",
        dest="from_",
        action="append",
        default=[],
        metavar="WHERE",
        help="show another installation too: a folder of runs, or the address of a published site; may be given several times (default: `site.from`)",
    )
    command.add_argument("--public", action="store_true", help="leave out transcripts, code, output, held-out values, paths (default: `site.public`)")
    command = add("serve", site_command.serve, "serve the site on loopback, for looking at it", parts)
    command.add_argument("--port", type=int, default=8008, help="default: 8008")
    command = add("check", site_command.check, "say whether the built site is whole and safe: links, policies, nothing from elsewhere", parts)
    command.epilog = "Ends with 0 when nothing is wrong, with 1 when something is."
    add("schema", site_command.schema, "print the JSON Schemas of the reports", parts)
    return parser


def _init(options: argparse.Namespace) -> Exit:
    from orchestrator import config, start

    folder = (options.folder or options.root).resolve()
    apart = (options.systemd or options.cron or (options.ci and not options.force)) and (folder / config.FILE).exists()
    lines = [] if apart else start.make(folder, force=options.force)
    if options.systemd or options.cron:
        lines += start.unattended(folder, systemd=options.systemd, cron=options.cron, force=options.force)
    lines += ci.make(folder, options.ci, force=options.force) if options.ci else []
    for line in lines:
        print(line)
    return Exit.DONE


def _new(options: argparse.Namespace) -> Exit:
    from orchestrator import start

    root, config = opened(options)
    if not 0 <= options.phases <= 20:
        raise UsageError(f"--phases {options.phases}: from 0 to 20")
    title = " ".join(options.title.split())
    if not title:
        raise UsageError("the title is empty", hint='for example `orchestrator new "Library loans"`')
    wanted = start.Wanted(title, options.project, options.repo, options.phases, options.modules, options.api)
    path = start.new(config.folder(root, "prds"), wanted, options.file)
    print(f"written  {path}\n\nnext: fill it in, then `orchestrator check`; it runs once the line `draft: true` is gone")
    return Exit.DONE


def _check(options: argparse.Namespace) -> Exit:
    from orchestrator import pipeline
    from orchestrator.plan import thin
    from orchestrator.plan.readiness import readiness
    from orchestrator.show.console import terminal

    root, config = opened(options)
    found, readings = pipeline.inbox(root, config)
    wanted = {str(path.resolve()) for path in options.paths}
    for path in options.paths:
        if str(path.resolve()) not in {str((root / file.path).absolute()) for file in found.files}:
            raise UsageError(
                f"{path}: not a PRD of this working folder", hint=f"PRDs lie in {config.folder(root, 'prds')} and end in .md, .txt, .yaml or .json"
            )

    def chosen(path: str) -> bool:
        return not wanted or str((root / path).absolute()) in wanted

    scored, notes = [], []
    for prd in found.prds:
        if chosen(prd.path):
            planned, plan, _ = readings.planned(prd, config)
            said = thin.notes(planned, plan)
            scored.append(readiness(prd, said))
            notes += [*said, *scored[-1].problems, *plan.notes]
    problems = [each for each in (*found.problems, *notes) if chosen(each.path)]
    problems.sort(key=lambda each: (each.path, each.line, each.severity, each.code))
    files = [file for file in found.files if chosen(file.path)]
    refused = sum(file.state == "set aside" for file in files)
    if options.json:
        import json
        from dataclasses import asdict

        ready = [asdict(each) | {"score": each.score} for each in scored]
        values = {"files": [asdict(file) for file in files], "problems": [asdict(problem) for problem in problems], "readiness": ready}
        print(json.dumps(values, indent=2))
    else:
        if problems:
            print(terminal.problems(problems))
        if scored:
            print(terminal.ready(scored))
        examples = sum(file.examples for file in files)
        criteria = sum(file.criteria for file in files)
        told = len(problems)
        print(
            f"{count(len(files), 'PRD')}, {criteria} criteria, {count(examples, 'executable example')}; "
            f"{refused} set aside, {count(told, 'problem or note') if told == 1 else f'{told} problems and notes'}"
        )
    return Exit.SET_ASIDE if refused else Exit.DONE


def _plan(options: argparse.Namespace) -> Exit:
    from orchestrator.plan_command import plan

    root, config = opened(options)
    ended = plan(options, root, config)
    say_damage(root, config)
    return ended


def _deliver(options: argparse.Namespace) -> Exit:
    from orchestrator.deliver_command import deliver

    return deliver(options, *opened(options))


def _notify(options: argparse.Namespace) -> Exit:
    from orchestrator.notify_command import notify

    return notify(options, *opened(options))


def _run(options: argparse.Namespace) -> Exit:
    root, config = opened(options)
    if options.phase is not None and options.phase < 1:
        raise UsageError(f"--phase {options.phase}: the number of a phase, from 1")
    from orchestrator import sharding

    shard = sharding.parse(options.shard) if options.shard else None
    if options.due and (shard or options.phase is not None or options.no_phase_gates):
        raise UsageError("--due does what is due, all of it", hint="leave out --shard, --phase and --no-phase-gates")
    with listening.output(config):
        if options.due:
            from orchestrator import unattended

            return unattended.run_due(root, config, _turn, build_site=not options.no_site)
        return run_once(root, config, build_site=not options.no_site, last_phase=options.phase, gates=not options.no_phase_gates, shard=shard)


def run_once(
    root: Path,
    config: Config,
    *,
    build_site: bool = True,
    last_phase: int | None = None,
    gates: bool = True,
    shard: Shard | None = None,
    at: datetime | None = None,
) -> Exit:
    """One run and what it prints; `watch` calls it too, with the moment it is for. Raises KeyboardInterrupt when it was stopped (run/stopping.py)."""
    import functools

    from orchestrator import notifying, pipeline, work
    from orchestrator.run import stopping
    from orchestrator.show.console import terminal

    if not config.folder(root, "prds").is_dir():
        raise UsageError(f"{config.folder(root, 'prds')}: there is no folder of PRDs", hint="make a working folder with `orchestrator init`")
    does = functools.partial(work.work, last_phase=last_phase, gates=gates)
    try:
        with (
            stopping.signals(),
            faults.recognised(config.folder(root, "runs")),
            listening.listening(root, config) as shown,
            notifying.telling(root, config, shown) as tell,
        ):
            outcome = pipeline.run(root, config, tell, does, shard=shard, at=at)
    except KeyboardInterrupt:
        metrics.at_end(root, config)
        raise
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
    if config.progress != "json":
        _say_standing(root, config, outcome)
    if build_site:
        from orchestrator.show import site

        with faults.recognised(config.folder(root, "site")):
            print(site.build(root, config))
    metrics.at_end(root, config)
    return outcome.exit_code


def _say_standing(root: Path, config: Config, outcome: Outcome) -> None:
    """Where every project stands after a run, what is asked of people, and what the run did."""
    from orchestrator.show.console import terminal

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


def _watch(options: argparse.Namespace) -> Exit:
    from orchestrator import unattended

    root, config = opened(options)
    with listening.output(config):
        return unattended.watch(root, config, _turn)


def _turn(root: Path, config: Config, at: datetime) -> Exit:
    return run_once(root, config, build_site=False, at=at)


if __name__ == "__main__":
    sys.exit(main())
