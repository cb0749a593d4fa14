"""One frozen Config, read from `orchestrator.yaml` and the environment. Every default lives here, once; those of single topics in settings/.

A key may be overridden by an environment variable: `ORCHESTRATOR_` and its path in capitals, joined by two underscores, its value read
as YAML: `ORCHESTRATOR_LIMITS__ATTEMPTS=2`, `ORCHESTRATOR_AGENT=local`. Unknown keys are refused with a suggestion.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator

from orchestrator.errors import ConfigError
from orchestrator.settings.agents import (
    AcpAgent,
    AgentConfig,
    ChatAgent,
    CommandAgent,
    Most,
    Price,
    ProgramAgent,
    RecordedAgent,
    ScriptedAgent,
    Section,
    UsagePatterns,
)
from orchestrator.settings.deliver import Delivery
from orchestrator.settings.notify import Notify
from orchestrator.settings.schedule import Schedule
from orchestrator.settings.site import Site
from orchestrator.settings.state import State
from orchestrator.settings.telling import Log, Metrics

__all__ = [
    "AcpAgent",
    "AgentConfig",
    "ChatAgent",
    "CommandAgent",
    "Config",
    "Most",
    "Price",
    "ProgramAgent",
    "RecordedAgent",
    "Schedule",
    "ScriptedAgent",
    "Section",
    "Site",
    "UsagePatterns",
    "load",
]

FILE = "orchestrator.yaml"
PREFIX = "ORCHESTRATOR_"
MOST_WORKERS = 256


class Inbox(Section):
    """Which files are taken."""

    quiet_seconds: float = Field(5.0, ge=0)
    """`watch` takes PRDs when no file in their folder has changed for this many seconds."""
    take: Literal["saved", "committed"] = "saved"
    """`committed`: PRDs count as they stand in HEAD of the git repository that holds them; what is not committed waits."""
    observer: Literal["auto", "events", "polling"] = "auto"
    """How `watch` notices changes. `auto`: by events; where they do not come (network folders, too few watches) the folder is polled."""
    poll_seconds: float = Field(1.0, gt=0)
    """How often a polled folder is looked at."""
    max_bytes: int = Field(1_000_000, gt=0)
    """A larger PRD is set aside."""


class Limits(Section):
    """What one task and one process may take."""

    attempts: int = Field(4, ge=1)
    """Candidate answers per task before it fails. A PRD's `budget.attempts` may only lower it."""
    repairs: int = Field(2, ge=0)
    """How often findings about an agent's tests are sent back to it before the task needs a person."""
    repeats: int = Field(3, ge=1)
    """Answers that repeat an earlier one before the task stops for lack of progress. A repeat is never tested again."""
    signatures: int = Field(3, ge=1)
    """How often the same failure is met before the approach is changed; when that meets it too, the task stops for lack of progress."""
    wait_seconds: float = Field(5.0, gt=0)
    """A task whose agent could not answer waits so long; twice as long after each failure that follows."""
    wait_most: float = Field(3600.0, gt=0)
    """The longest of these waits. A time that the agent states itself is kept, whatever it is."""
    wait_in_run: float = Field(60.0, ge=0)
    """A run that has nothing else to do stays for so many seconds in all until parked tasks may go on; it leaves longer waits to the next run."""
    turn_seconds: float = Field(600.0, gt=0)
    """One agent turn is ended after this long."""
    test_seconds: float = Field(60.0, gt=0)
    """One run of a test suite is killed after this long."""
    suite_seconds: float = Field(600.0, gt=0)
    """One run of a project's own whole suite is killed after this long."""
    example_seconds: float = Field(10.0, gt=0)
    """One example put to the oracle is killed after this long."""
    memory_mb: int = Field(2048, ge=64)
    """Address space of one process in the sandbox."""
    file_mb: int = Field(64, ge=1)
    """Largest file a process in the sandbox may write."""
    processes: int = Field(128, ge=8)
    """Processes alive at once in the sandbox."""


class Ceiling(Section):
    """A turn that would exceed one of these is not sent; left out: no ceiling."""

    minutes: float | None = Field(None, gt=0)
    """Of agents' turns. A turn is ended when they are used up."""
    tokens: int | None = Field(None, gt=0)
    """Of prompts and answers together."""
    usd: float | None = Field(None, ge=0)
    """US dollars."""
    turns: int | None = Field(None, gt=0)
    """Turns that were sent and may have been paid."""


class Budgets(Section):
    """What agents may use. A turn is booked at the most it may use before it is sent, and at what it used when it has returned."""

    attempt: Ceiling = Ceiling()
    """One attempt at a task, with the turns that tidy up or mend its tests."""
    task: Ceiling = Ceiling()
    """One task as it is worded, over all runs."""
    prd: Ceiling = Ceiling()
    """One PRD over all runs. A PRD's own `budget` may only tighten it."""
    run: Ceiling = Ceiling()
    """One run over all projects. A run that continues a killed one goes on with what that had used."""
    day: Ceiling = Ceiling()
    """One day in `timezone`, over all projects and runs."""
    timezone: str = "UTC"
    """Whose days, as an IANA name, for example `Europe/Berlin`."""
    warn_percent: float = Field(80.0, ge=0, le=100)
    """From this share of a ceiling on it is said once."""
    turn_tokens: int = Field(10_000, ge=0)
    """What a turn counts as where its tokens are unknown: before it is sent, and for good when the agent never says."""
    turn_usd: float = Field(0.5, ge=0)
    """What a turn counts as where its price is unknown. Turns of models on this machine, recordings and scripts cost nothing."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, LookupError, OSError):
            raise ValueError("no such time zone: an IANA name, for example Europe/Berlin") from None
        return value


class GatesConfig(Section):
    """What must hold before a candidate is believed."""

    held_out: float = Field(0.25, ge=0, le=0.5)
    """Share of examples the agent never sees, where at least three share a call form. A PRD may only raise it."""
    mutation: int | None = Field(None, ge=0, le=100)
    """Percent of mutants that the tests must notice. Left out: the score is reported and refuses nothing. A PRD may only raise it."""
    mutants: int = Field(100, ge=0)
    """Most mutants of one task; 0 makes none."""
    mutation_seconds: float = Field(30.0, gt=0)
    """Mutants of one task that are not run by then are left out, and counted."""
    coverage: int | None = Field(None, ge=0, le=100)
    """Percent of the changed code's branches that examples must run. Left out: the share is reported and refuses nothing. A PRD may only raise it."""
    quarantine_days: float = Field(14.0, ge=0)
    """A test that failed by chance refuses nothing for so many days."""


class Tidy(Section):
    """When the agent is asked to tidy up what has passed. The proposal is kept only when every gate still passes and the figures are better."""

    enabled: bool = True
    """False: never asked."""
    file_lines: int = Field(400, gt=0)
    """A longer file asks for it."""
    function_lines: int = Field(50, gt=0)
    """A longer function asks for it."""
    class_methods: int = Field(15, gt=0)
    """A class with more methods asks for it."""
    complexity: int = Field(12, gt=0)
    """A function with more ways through it (cyclomatic complexity) asks for it."""
    duplicate_lines: int = Field(8, gt=1)
    """The same statements twice, over at least so many lines, ask for it."""


class StepBreaker(Section):
    """Of one step of one task: opened when it could not be carried out so often in a row. After each pause one probe decides."""

    enabled: bool = True
    """False: never opens."""
    failures: int = Field(3, ge=0)
    """So many failures in a row open it; 0: never opens."""
    pause_seconds: float = Field(300.0, gt=0)
    """Open for so long, then one probe."""


class AgentBreaker(Section):
    """Of one agent: opened by infrastructure failures in a row."""

    enabled: bool = True
    """False: never opens."""
    failures: int = Field(3, ge=0)
    """So many failures in a row open it; 0: never opens."""
    pause_seconds: float = Field(300.0, gt=0)
    """Open for so long, then one probe."""
    extensions: int = Field(3, ge=0)
    """So often a probe that fails extends the pause; the next that fails leaves it open until it is reset."""


class SystemBreaker(Section):
    """Of everything: opened when many agents are failing at once, by infrastructure."""

    enabled: bool = True
    """False: never opens."""
    share: float = Field(0.5, gt=0, le=1)
    """Share of the agents that must be failing."""
    least: int = Field(2, ge=0)
    """And at least so many of them; 0: never opens."""
    window_seconds: float = Field(300.0, gt=0)
    """An agent is failing until it answers, or until its last failure is older than this."""
    pause_seconds: float = Field(600.0, gt=0)
    """Open for so long, then one probe."""
    drain_seconds: float = Field(60.0, ge=0)
    """Turns that are under way when it opens may go on for so long."""


class Flapping(Section):
    """A breaker that closes and opens again and again pauses longer."""

    opens: int = Field(3, ge=0)
    """With more openings than this within the time below, each doubles the pause once more; 0: never."""
    seconds: float = Field(3600.0, gt=0)
    """The time in which openings are counted."""
    longest_pause_seconds: float = Field(3600.0, gt=0)
    """Doubling ends here. It never makes a pause shorter than it is configured."""


class BreakerRules(Section):
    """When turns are held back because they could not be carried out ([what counts](breakers.md))."""

    probe_seconds: float = Field(900.0, gt=0)
    """A probe without an end is given up as failed after this long. Longer than `limits.turn_seconds`."""
    step: StepBreaker = StepBreaker()
    agent: AgentBreaker = AgentBreaker()
    system: SystemBreaker = SystemBreaker()
    flapping: Flapping = Flapping()


class SandboxConfig(Section):
    """How strongly code of an agent is shut in."""

    require: Literal["any", "full"] = "any"
    """`full`: refuse to run when the strongest sandbox is not to be had."""
    allow_weak: bool = False
    """Run code of agents although no level of the sandbox holds; every run says so, and its results too."""


class Retention(Section):
    """What `orchestrator prune` keeps ([what may go, and what never](retention.md)). Each may be `null`."""

    days: float | None = Field(90.0, ge=0)
    """What is older may go. `null`: nothing goes for its age."""
    runs: int | None = Field(100, ge=1)
    """So many of the newest runs of each project are always kept. `null`: only the newest one is, for its being new."""
    gb: float | None = Field(None, ge=0)
    """Most that the whole of `runs` may take, in gigabytes: what may go goes then although it is younger, oldest first. `null`: no ceiling."""


class Planning(Section):
    """How PRDs become tasks ([planning](planning.md))."""

    approve: Literal["auto", "person"] = "auto"
    """`person`: no task runs until `orchestrator plan --approve`."""
    calls: int = Field(100, ge=0)
    """So many turns of the planning agent for one PRD; what is left then is planned without it."""
    concurrency: int = Field(4, ge=1, le=64)
    """So many of them side by side."""
    repairs: int = Field(2, ge=0)
    """How often what is wrong with an answer is sent back."""
    tests: int = Field(20, ge=1)
    """A task with more tests than this is taken apart."""
    lines: int = Field(100, ge=1)
    """And one with more lines of code, as far as somebody expects a number."""
    components: int = Field(3, ge=1)
    """And one that makes more functions and classes than this."""
    criteria: int = Field(5, ge=1)
    """And one that was planned by an agent with more criteria than this."""
    depth: int = Field(3, ge=0)
    """Parts are taken apart again so often; 0: nothing is taken apart."""


Ladder = str | tuple[str, ...]


class Roles(Section):
    """Which agent a role uses; '' is the `agent` key. A list is a ladder: the next one works when the one before gets no further."""

    plan: Ladder = ""
    """Takes requirements apart that the PRD leaves open. '' is nobody, unless recorded answers match: the PRD is planned as it stands."""
    tests: Ladder = ""
    """Writes tests for criteria without examples. Another agent than the one that writes the code is better."""
    code: Ladder = ""
    """Writes the code."""

    def ladder(self, role: Literal["plan", "tests", "code"]) -> tuple[str, ...]:
        """The rungs; () where the `agent` key decides."""
        given: Ladder = getattr(self, role)
        return (given,) if isinstance(given, str) and given else tuple(given)


class Config(Section):
    prds: Path = Path("prds")
    """Folder of PRDs."""
    runs: Path = Path("runs")
    """Folder of everything that is written: databases, repositories, reports, artifacts."""
    recordings: Path = Path("recordings")
    """Recorded agent answers."""
    environments: Path = Path("runs/environments")
    """Where prepared project environments are cached, by lock hash; several working folders may share one."""
    agent: str = "auto"
    """`auto` (matching recordings, then the first configured agent, then a model on loopback), or a name under `agents`."""
    agents: dict[str, AgentConfig] = Field({})
    """Agents by name."""
    roles: Roles = Roles()
    """Agents by role."""
    workers: int | None = Field(None, ge=1, le=MOST_WORKERS)
    """So many agents are asked at once, over all projects. Left out: two more than there are cores, since agents mostly wait. 1: one task after the
    other; with more, as many tasks as there are cores are prepared or judged meanwhile."""
    workspaces: Literal["auto", "disk"] = "auto"
    """Where cycles work: `auto` is in memory (`/dev/shm`) where that has 1 GiB free and 3 GiB of memory are available, else in the temporary folder,
    as with `disk`. `TMPDIR`, where it is set, decides."""
    record: bool = False
    """Write every answer to `recordings`."""
    redact: list[str] = Field([])
    """Regular expressions; what matches is replaced by `[redacted]` in recordings, transcripts, logs and reports, beside the usual shapes of keys."""
    targets: list[str] = Field(["../*", "."])
    """Repositories a PRD's `target.repo` may name: glob patterns for paths relative to the working folder, or URL patterns."""
    inbox: Inbox = Inbox()
    limits: Limits = Limits()
    budgets: Budgets = Budgets()
    planning: Planning = Planning()
    gates: GatesConfig = GatesConfig()
    tidy: Tidy = Tidy()
    breakers: BreakerRules = BreakerRules()
    sandbox: SandboxConfig = SandboxConfig()
    retention: Retention = Retention()
    deliver: Delivery = Delivery()
    notify: Notify = Notify()
    progress: Literal["auto", "plain", "json", "none"] = "auto"
    """What is shown of a run while it works ([what is what](running.md#what-is-shown)); `--progress` decides for one command."""
    log: Log = Log()
    metrics: Metrics = Metrics()
    state: State = State()
    schedule: Schedule = Schedule()
    site: Site = Site()

    @field_validator("redact")
    @classmethod
    def _expressions(cls, value: list[str]) -> list[str]:
        for pattern in value:
            try:
                empty = re.compile(pattern).fullmatch("")
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
            if empty:
                raise ValueError(f"{pattern!r} matches nothing at all, and so everywhere")
        return value

    def folder(self, root: Path, key: Literal["prds", "runs", "recordings", "site", "environments"]) -> Path:
        """The folder under that key as an absolute path; `root` is the working folder."""
        path: Path = self.site.folder if key == "site" else getattr(self, key)
        return path if path.is_absolute() else root / path


def load(root: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The Config of a working folder. Raises ConfigError that names file, key and value."""
    path = root / FILE
    values: dict[str, Any] = {}
    if path.exists():
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: not valid YAML: {error}", hint="mend the file, or start from `orchestrator init`") from None
        if not isinstance(values, dict):
            raise ConfigError(f"{path}: expected keys and values, found {type(values).__name__}", hint="see docs/configuration.md")
    for name, text in sorted(environ.items()):
        if name.startswith(PREFIX) and (keys := name.removeprefix(PREFIX).lower().split("__")):
            _override(values, keys, name, text)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error, values, path, environ), hint="every key is documented in docs/configuration.md") from None


def _override(values: dict[str, Any], keys: list[str], name: str, text: str) -> None:
    place: Any = values
    for key in keys[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise ConfigError(f"{name}: `{key}` is not a section", hint="see docs/configuration.md")
    try:
        place[keys[-1]] = yaml.safe_load(text)
    except yaml.YAMLError:
        place[keys[-1]] = text


def _explain(error: ValidationError, values: dict[str, Any], path: Path, environ: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors():
        loc = [str(part) for part in problem["loc"]]
        if loc[:1] == ["agents"]:
            del loc[2:3]  # pydantic names the type there, which is no key
        key = ".".join(loc)
        variable = PREFIX + "__".join(loc).upper()
        where = variable if variable in environ else str(path)
        if problem["type"] == "extra_forbidden":
            guess = difflib.get_close_matches(loc[-1], _known_keys(loc[:-1]), n=1)
            lines.append(f"{where}: unknown key `{key}`" + (f", did you mean `{guess[0]}`?" if guess else ""))
        else:
            shown = "not shown" if loc[:2] == ["notify", "to"] else repr(problem["input"])
            lines.append(f"{where}: `{key}` is {shown}: {problem['msg'].lower()}")
    return "\n".join(lines)


def _known_keys(loc: list[str]) -> list[str]:
    if loc and loc[0] == "agents":
        return sorted({name for kind in (ScriptedAgent, RecordedAgent, ChatAgent, AcpAgent, CommandAgent) for name in kind.model_fields})
    section: type[BaseModel] = Config
    for part in loc:
        annotation = section.model_fields[part].annotation
        options = [annotation, *getattr(annotation, "__args__", ())]
        section = next((option for option in options if isinstance(option, type) and issubclass(option, BaseModel)), section)
    return [field.alias or name for name, field in section.model_fields.items()]
