"""What a coding agent says when it cannot work → one AgentError that says what to do. Pure: the moment is an argument."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from orchestrator.errors import AgentError
from orchestrator.run.agents import ContextTooLong, NotAuthenticated, NotReachable, Overloaded, RateLimited, Refused

SHOWN = 300
"""Characters of its own words that an error repeats."""

KINDS: tuple[tuple[type[AgentError], str], ...] = (
    (
        ContextTooLong,
        r"context.{0,20}(length|window|size) (was |is )?(exceeded|too)|(exceed|larger than|longer than|over).{0,40}context|maximum context"
        r"|prompt is too long|input is too long|too many (input )?tokens|context_length_exceeded|token (count|limit).{0,20}exceed",
    ),
    (
        Refused,
        r"insufficient[_ ]quota|credit balance|no credits?\b|payment required|\b402\b|billing|model.{0,60}(not found|does not exist|not supported"
        r"|no access|not available)|not_found_error.{0,40}model|\b403\b|permission_error|forbidden",
    ),
    (
        RateLimited,
        r"rate.?limit|too many requests|\b429\b"
        r"|(usage|session|weekly|daily|request|hourly).{0,10}limit.{0,20}(reached|exceeded|hit)"
        r"|(hit|reached).{0,20}(usage |session |weekly |daily )?limit|quota.{0,20}exceeded|exceeded.{0,30}quota|resource.?exhausted"
        r"|limit reached\|\d",
    ),
    (
        NotAuthenticated,
        r"auth(entication)?.{0,12}(required|failed|error|expired)|not (logged|signed) in|(please )?(run|use)?.{0,5}/login|please (log|sign) in"
        r"|unauthori[sz]ed|\b401\b|(invalid|incorrect|missing|no|expired|bad).{0,16}(api[ _-]?key|credentials?|token)\b"
        r"|api[ _-]?key.{0,40}(not valid|invalid|missing|not set|required|not found|expired|must be)|login (is )?required|token (has |is )?expired",
    ),
    (
        Overloaded,
        r"overloaded|\b5(00|02|03|04|29)\b|(service|temporarily|currently) unavailable|internal server error|bad gateway|at capacity|high demand",
    ),
    (
        NotReachable,
        r"ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNRESET|connection (refused|error|failed)|could ?n.t connect|fetch failed|network error"
        r"|error sending request|getaddrinfo|name resolution|unable to connect|stream disconnected",
    ),
)
"""Looked for in this order: the first that fits is meant. A limit that names a key is a limit."""


def problem(agent: str, said: str, now: float, log_in: str = "") -> AgentError | None:
    """The error that an agent's own words name; None when they name none. `agent` is its name in the configuration, `log_in` what logs in."""
    kind = next((kind for kind, pattern in KINDS if re.search(pattern, said, re.IGNORECASE | re.DOTALL)), None)
    if kind is None:
        return None
    what = f"{agent}: {words(said)}"
    hints: dict[type[AgentError], str] = {
        ContextTooLong: "split the requirement, or use a model with a larger window",
        Refused: f"check the account, and `agents.{agent}.model` in orchestrator.yaml",
        RateLimited: "wait, or use another agent",
        NotAuthenticated: f"log in: {log_in}" if log_in else f"log in, or name its key under `agents.{agent}.env_keys`",
        Overloaded: "try again later, or use another agent",
        NotReachable: f"look at the network, and at the addresses in `agents.{agent}.env`",
    }
    return kind(what, hint=hints[kind], reset_at=reset_time(said, now) if kind in (RateLimited, Overloaded) else None)


def words(said: str) -> str:
    """An agent's own words in one line, their end cut."""
    line = " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_SPAN = r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:utes?|s)?)?|s(?:ec(?:onds?|s)?)?)\b"
_SOON = re.compile(
    r"(?:again|retry|wait|reset\w*|retry.?delay|available|after|in)\W{0,6}(?:(?:after|in|at least|for)\W{1,3})*"
    rf"((?:{_SPAN}[\s,]*(?:and\s+)?)+)",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"(?:\||reset\w*\D{0,20}|until\D{0,10})(1\d{9})(\d{3})?\b", re.IGNORECASE)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?")
_CLOCK = re.compile(
    r"(?:reset\w*|again|until)\W{0,3}(?:at |on )?"
    r"(?:(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*\.? (?P<day>\d{1,2})\w{0,2},? (?:at )?)?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s*(?P<half>[ap]m)?\s*(?:\((?P<zone>[A-Za-z_/+-]+)\))?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def reset_time(said: str, now: float) -> float | None:
    """Seconds since the epoch at which to come back, from such words as `try again in 1h 20m`, `resets 3pm (Europe/Berlin)`, `until
    2026-11-25T18:00:00Z`, `limit reached|1764090000`; None when they say nothing. A time of day without a zone is taken as UTC."""
    if found := _EPOCH.search(said):
        return float(found[1])
    if found := _MOMENT.search(said):
        try:
            moment = datetime.fromisoformat(found[0])
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if found := _SOON.search(said):
        return now + sum(float(size) * _UNITS[_unit(word)] for size, word in re.findall(_SPAN, found[1], re.IGNORECASE))
    found = _CLOCK.search(said)
    return _next(found, now) if found and (found["half"] or found["minute"] or found["month"]) else None


def _unit(word: str) -> str:
    return "ms" if word.lower().startswith(("ms", "mil")) else word[0].lower()


def _next(found: re.Match[str], now: float) -> float | None:
    """The next moment at which a clock shows that."""
    try:
        zone = ZoneInfo(found["zone"]) if found["zone"] else UTC
    except (ValueError, LookupError, OSError):
        zone = UTC
    hour = int(found["hour"])
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"].lower() == "pm" else 0)
    today = datetime.fromtimestamp(now, zone)
    try:
        moment = today.replace(hour=hour, minute=int(found["minute"] or 0), second=0, microsecond=0)
        if found["month"]:
            moment = moment.replace(month=_MONTHS.index(found["month"].lower()) + 1, day=int(found["day"]))
    except ValueError:
        return None
    if moment.timestamp() <= now:
        moment = moment.replace(year=moment.year + 1) if found["month"] else moment + timedelta(days=1)
    return moment.timestamp()
