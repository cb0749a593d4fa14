"""What coding agents say when they cannot work: a table of their own words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.errors import AgentError
from orchestrator.run.agents import ContextTooLong, NotAuthenticated, NotReachable, Overloaded, RateLimited, Refused
from orchestrator.run.agents.complaints import problem, reset_time

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC).timestamp()

SAID: dict[str, type[AgentError] | None] = {
    "Invalid API key · Please run /login": NotAuthenticated,
    "Not logged in": NotAuthenticated,
    "Authentication required": NotAuthenticated,
    'unexpected status 401 Unauthorized: {"error": "Incorrect API key provided"}': NotAuthenticated,
    "API key not valid. Please pass a valid API key.": NotAuthenticated,
    "OAuth token has expired": NotAuthenticated,
    "Claude AI usage limit reached|1764082800": RateLimited,
    "You've hit your usage limit. Upgrade to Pro or try again in 2 hours 5 minutes.": RateLimited,
    "exceeded retry limit, last status: 429 Too Many Requests": RateLimited,
    "You exceeded your current quota, please check your plan": RateLimited,
    "RESOURCE_EXHAUSTED": RateLimited,
    "Rate limit reached for the API key sk-1": RateLimited,
    'API Error: 529 {"type":"overloaded_error"}': Overloaded,
    "503 Service Unavailable": Overloaded,
    "The model is overloaded. Please try again later.": Overloaded,
    "prompt is too long: 210000 tokens > 200000 maximum": ContextTooLong,
    "Your input exceeds the context window of this model.": ContextTooLong,
    "This model's maximum context length is 8192 tokens.": ContextTooLong,
    "Credit balance is too low": Refused,
    "insufficient_quota": Refused,
    "The model `gpt-9` does not exist or you do not have access to it.": Refused,
    "connect ECONNREFUSED 127.0.0.1:443": NotReachable,
    "stream disconnected before completion: error sending request for url": NotReachable,
    "I wrote leap.py and all tests pass.": None,
    "The function returns the wrong number for 1900.": None,
    "": None,
}


@pytest.mark.parametrize("said", SAID)
def test_words_name_a_problem(said: str) -> None:
    found = problem("mine", said, NOW, "`tool login`")
    assert type(found) is (SAID[said] or type(None))
    if found:
        assert found.hint
        assert ("`tool login`" in found.hint) == isinstance(found, NotAuthenticated)


RESETS = {
    "try again in 20s": 20,
    "Please try again in 1h 20m": 4800,
    "try again in 2 hours and 5 minutes.": 7500,
    "retry after 30 seconds": 30,
    "Retry-After: 120 s": 120,
    "retryDelay: 6.5s": 6.5,
    "resets in 90 minutes": 5400,
    "try again in 350ms": 0.35,
    "limit reached|1764082800": 1764082800 - NOW,
    "resets at 3pm (UTC)": 3 * 3600,
    "resets 3:45pm (Europe/Berlin)": 2.75 * 3600,
    "resets 11am": 23 * 3600,
    "resets Nov 27, 1pm (UTC)": 49 * 3600,
    "until 2026-11-25T18:00:00Z": 6 * 3600,
    "until 2026-11-25 18:00:00+01:00": 5 * 3600,
    "too many requests": None,
    "version 3 of 12": None,
    "resets 99pm": None,
}


@pytest.mark.parametrize("said", RESETS)
def test_words_say_when_to_come_back(said: str) -> None:
    expected = RESETS[said]
    found = reset_time(said, NOW)
    assert found == (None if expected is None else pytest.approx(NOW + expected))
