"""What a public site may show: an allow-list by field of every report model, and a report without the rest. Pure.

A field that is not listed as public is left out, so that a new one is private until somebody has decided. What is left out says so where it
stood: a text is `LEFT_OUT`, a reason is what its verdict means. Texts that are public lose what looks like an address of a person, a path of a
machine, or the values that a test was called with; prose loses its code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.show import words

if TYPE_CHECKING:
    from pydantic import BaseModel

    from orchestrator.save.report import Report
    from orchestrator.show.gather import Unreadable

LEFT_OUT = "left out of the public site"

R = TypeVar("R", bound="Report")

FIELDS: dict[str, tuple[str, str]] = {
    # what a run did
    "RunReport": (
        "version id project prds started_at ended_at outcome continued sandbox tasks turns input_tokens output_tokens usd replayed scripted agents "
        "planning forecasts gates gates_skipped validations deliveries standing",
        "sandbox_reasons tools environment",
    ),
    "TaskRunReport": (
        "id prd title state verdict requirements fingerprint base_tree red_tree green_tree red red_findings test_file attempts proofs commits "
        "question started_at seconds tidied_tree written written_file baseline tidying mutation coverage flaky people gone retired outdated "
        "answers evidence stages worker ready_at",
        "reason tests written_tests",
    ),
    "AttemptReport": ("number verdict turns findings observations role way", "diff"),
    "TurnReport": ("role agent kind model recorded_from stop seconds input_tokens output_tokens usd", "notes transcript"),
    "ObservationReport": ("step what exit_code outcomes seconds sandbox incidents", "command output"),
    "OutcomeReport": ("id outcome kind where", "message"),
    "IncidentReport": ("kind", "detail where"),
    "FindingReport": ("gate severity criterion where", "message"),
    "TidyingReport": ("kept turns findings observations", "triggers reason diff"),
    "ProofReport": ("criterion level tests examples held_out revealed", ""),
    "QuestionReport": ("path lines", "text"),
    "FlakyReport": ("test", "detail"),
    "PersonsTestReport": ("criterion test where", "text"),
    "PlanningReport": ("unit prd kind requirements number verdict turn", "problems"),
    "AgentReport": (
        "role agent kind model turns candidates passed refused solved seconds input_tokens output_tokens usd unknown_tokens unknown_usd",
        "",
    ),
    "Text": ("size", "inline artifact"),
    "CommitReport": ("id kind subject branch", ""),
    "RetiredTestReport": ("test how", ""),
    "AnswerReport": ("requirement criterion text path line", "question"),
    "StageReport": ("step seconds", ""),
    "StandingReport": ("requirements requirements_proved criteria proved mutation", ""),
    # what its mutants and examples said of the code
    "MutationReport": ("score left_out seconds mutants", "elements"),
    "MutantReport": ("id path function line column end_line end_column operator status killed_by", "original replacement"),
    "CoverageReport": ("share counted ran seconds asked unrun", ""),
    "UnrunReport": ("path function line end_line", "what"),
    # where a project stands
    "ProjectReport": (
        "version project repo sandbox prds tasks runs quarantine mutation spending turns agents kinds orphans",
        "target sandbox_reasons",
    ),
    "PrdReport": (
        "id title path fingerprint branch head complete context requirements notes retired plan edits phases validation forecast delivery",
        "",
    ),
    "RequirementReport": ("id key title text line inferred module depends_on task criteria tasks added", ""),
    "CriterionReport": ("id key text line inferred examples held_out state level tests commits task added proved_at outdated cases", ""),
    "ExampleReport": ("line held_out", "text"),
    "PlanReport": ("decomposer notes uncovered", ""),
    "TaskReport": ("id prd title state depends_on requirements attempts last_run phase question mutation parked_until", "reason"),
    "RunSummary": ("id started_at seconds outcome done failed needs_person turns replayed scripted", ""),
    "SpendingReport": ("turns tokens usd minutes lost unknown_tokens unknown_usd", ""),
    "QuarantineReport": ("test task run since until", "detail"),
    "EditReport": ("at run path changes", ""),
    "EditedReport": ("requirement kind title was before_line line parts outdated", ""),
    "PartReport": ("name kind before_line line", "before after"),
    "OrphanReport": ("task prd path title requirements since branch files shared tests commits", ""),
    # branches as a whole
    "PhaseReport": ("number title line tasks done state reason gate", ""),
    "GateReport": ("prd phase at run head tree passed tasks examples tests seconds sandbox broken", "notices"),
    "BrokenReport": ("task what", "message"),
    "ValidationReport": ("prd head tree base at run passed checks seconds sandbox", ""),
    "CheckReport": ("name state known complaints more", "detail tool"),
    "ComplaintReport": ("where code", "message"),
    "DeliveryReport": ("prd how state at run head fingerprint branch into commit conflict text", "where url detail command body"),
    "ForecastReport": ("prd kind tasks basis by turns tokens usd minutes took", ""),
    "RangeReport": ("low high", ""),
    "TookReport": ("tasks turns tokens usd minutes", ""),
    # budgets and breakers
    "LimitsReport": ("version at health timezone accounts attempt unknown_tokens unknown_usd lost breakers trips", ""),
    "AccountReport": ("scope name project until measures", ""),
    "MeasureReport": ("of limit spent booked", ""),
    "CeilingReport": ("of limit", ""),
    "BreakerReport": ("scope name state failures opened_at until flapping", "reason"),
    "TripReport": ("at scope name agents errors", "reason"),
    "CountReport": ("count", "what"),
    # the inbox and the schedule
    "InboxReport": ("version receipts", ""),
    "Receipt": (
        "path prd project title fingerprint state seen_at taken_at newer newer_at gone_at became requirements criteria examples problems",
        "",
    ),
    "ProblemReport": ("path line code severity", "message hint"),
    "ScheduleReport": ("version jobs waiting", ""),
    "JobReport": ("job cron timezone since last_at ended_at outcome next_at", ""),
    "WaitReport": ("prd path until", "why"),
    # what belongs together, and what a run tells
    "Trace": ("version what links", ""),
    "TraceLink": (
        "project prd path requirement title requirement_line criterion text line state level task task_state tests commits files inferred",
        "",
    ),
    "CommitTrace": ("id subject files", ""),
    "ToldLine": ("v at kind project prd task", "text facts"),
}
"""Model → (its public fields, its private ones). Both are written down, so that a field that is in neither is seen by a test."""

PUBLIC = {model: frozenset(shown.split()) for model, (shown, _) in FIELDS.items()}
NAMES = frozenset({"artifact", "elements"})
"""Private fields that name a file: they are empty, for there is no file."""
PROSE = frozenset({"context", "text"})
"""Public fields in Markdown."""


def unreadable(why: Unreadable) -> Unreadable:
    """Why a report cannot be read, without what it says."""
    return why._replace(path=scrubbed(why.path), why=f"the reason is {LEFT_OUT}")


def report(whole: R) -> R:
    """The same report as a public site shows it."""
    found: R = _model(whole)
    return found


def _model(whole: Any) -> Any:
    name = type(whole).__name__
    shown = PUBLIC.get(name, frozenset())
    if name == "Text":
        return whole if not (whole.inline or whole.artifact) else type(whole)(inline=LEFT_OUT)
    values = {field: _public(field, getattr(whole, field)) if field in shown else _private(whole, field) for field in type(whole).model_fields}
    return type(whole).model_construct(**values)


def _public(field: str, value: Any) -> Any:
    if isinstance(value, str):
        return words_only(value) if field in PROSE else scrubbed(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_public(field, item) for item in value)
    if isinstance(value, dict):
        return {scrubbed(str(key)): _public(field, item) for key, item in value.items()}
    return _model(value) if hasattr(type(value), "model_fields") else value


def _private(whole: BaseModel, field: str) -> Any:
    """What stands for a value that is left out: of the same kind, so that a page can show it."""
    value: Any = getattr(whole, field)
    if field == "reason" and value:
        kinds = [("verdict", "verdict"), ("state", "state")]
        said = [words.word(kind, getattr(whole, key)).says for key, kind in kinds if isinstance(getattr(whole, key, None), str)]
        return f"{scrubbed(said[0])} (the reason is {LEFT_OUT})" if said else LEFT_OUT
    if field in NAMES:
        return ""
    if isinstance(value, str):
        return LEFT_OUT if value else ""
    if isinstance(value, list):
        return [LEFT_OUT] if value and isinstance(value[0], str) else []
    if isinstance(value, dict):
        return {field: LEFT_OUT} if value else {}
    if type(value).__name__ == "Text":
        return _model(value)
    return type(value)() if isinstance(value, (bool, int, float)) else None


# --- texts that are public -----------------------------------------------------------------------------------------------

_PERSON = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PATH = re.compile(
    r"(?<![\w.:/])(?:/(?:home|Users|root|tmp|var|opt|mnt|media|srv|usr|etc|private|builds|runner|github|work|workspace|workspaces|data|Volumes)|~)"
    r"/[^\s'\"`<>|:;,)\]}]*"
)
_DRIVE = re.compile(r"(?<![\w])[A-Za-z]:\\[^\s'\"`<>|;,)\]}]*")
_VALUES = re.compile(r"(::[\w.]+)\[[^\n]*\]")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n.*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_SESSION = re.compile(r"^[ \t]*(?:>>>|\.\.\.) .*$", re.MULTILINE)
_INDENTED = re.compile(r"(?:^|\n[ \t]*\n)((?:(?: {4}|\t).*(?:\n|$))+)")


def scrubbed(text: str) -> str:
    """Without addresses of people, paths of a machine, and the values that a test was called with."""
    text = _PERSON.sub(f"[e-mail {LEFT_OUT}]", text)
    text = _DRIVE.sub(f"[path {LEFT_OUT}]", _PATH.sub(f"[path {LEFT_OUT}]", text))
    return _VALUES.sub(r"\1[…]", text)


def words_only(text: str) -> str:
    """Markdown without its blocks of code."""
    text = _SESSION.sub(f"*code {LEFT_OUT}*", _FENCE.sub(f"*code {LEFT_OUT}*", text))
    return scrubbed(_INDENTED.sub(f"\n\n*code {LEFT_OUT}*\n\n", text))
