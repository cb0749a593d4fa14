"""What an endpoint's refusal means: HTTP status, headers and body → one AgentError that says what to do. Pure but for the clock."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from orchestrator.errors import AgentError
from orchestrator.run.agents import ContextTooLong, Overloaded, RateLimited, Refused

TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|maximum context|exceeds? the (available|maximum)|too many tokens|prompt is too long", re.IGNORECASE
)
NO_CREDIT = re.compile(r"insufficient_quota|billing|credit balance|payment", re.IGNORECASE)


def problem(agent: str, url: str, status: int, headers: Mapping[str, str], body: str) -> AgentError:
    """`agent` is its name in the configuration, for the hints."""
    said = message(body)
    what = f"{url}: HTTP {status}" + (f": {said}" if said else "")
    if status in (400, 413, 422, 500) and TOO_LONG.search(body):
        return ContextTooLong(what, hint=f"lower `agents.{agent}.context_tokens` to the model's window, or split the requirement")
    if status == 402 or (status == 429 and NO_CREDIT.search(body)):
        return Refused(what, hint="the account has no credit left")
    if status == 429:
        return RateLimited(what, hint="wait, or use another agent", reset_at=reset_time(headers, time.time()))
    if status >= 500 or status == 408:
        return Overloaded(what, hint="try again later, or use another agent", reset_at=reset_time(headers, time.time()))
    hints = {
        401: f"check the key in the environment variable that `agents.{agent}.api_key_env` names",
        403: f"check the key in the environment variable that `agents.{agent}.api_key_env` names, and what it may use",
        404: f"check `agents.{agent}.url` (it ends in /v1) and `agents.{agent}.model`",
    }
    if 300 <= status < 400:
        what += f" → {headers.get('location', '?')}"
    return Refused(what, hint=hints.get(status, f"check `agents.{agent}` in orchestrator.yaml"))


def message(body: str) -> str:
    """The endpoint's own words, at most 300 characters."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        return " ".join(re.sub(r"<[^>]*>", " ", body[:5000]).split())[:300]
    error = values.get("error", values) if isinstance(values, dict) else values
    for key in ("message", "detail", "error"):
        if isinstance(error, dict) and error.get(key):
            error = error[key]
    return " ".join(str(error).split())[:300]


def reset_time(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds since the epoch at which to come back, from `Retry-After` or the usual rate-limit headers; None when they say nothing."""
    found = {name.lower(): value.strip() for name, value in headers.items()}
    milliseconds = _number(found.get("retry-after-ms", ""))
    if milliseconds is not None:
        return now + milliseconds / 1000
    times = [_time(found["retry-after"], now)] if "retry-after" in found else []
    if not times:
        times = [_time(value, now) for name, value in found.items() if "ratelimit" in name and "reset" in name]
    return max((at for at in times if at is not None), default=None)


def _time(value: str, now: float) -> float | None:
    """`20`, `1.5s`, `6m0s`, `120ms`, seconds or milliseconds since the epoch, ISO 8601, or an HTTP date."""
    number = _number(value)
    if number is not None:
        return number / 1000 if number > 1e11 else number if number > 1e9 else now + number
    units = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    if re.fullmatch(r"(?:\d+(?:\.\d+)?(?:ms|[dhms]))+", value):
        return now + sum(float(size) * units[unit] for size, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|[dhms])", value))
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(value)
        except (ValueError, TypeError):
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None


def _number(value: str) -> float | None:
    return float(value) if re.fullmatch(r"\d{1,15}(?:\.\d+)?", value) else None
