"""The chat agent against a scripted server: what it sends, and what it makes of every way a server can misbehave."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import ChatAgent
from orchestrator.errors import AgentError
from orchestrator.model import Change, Usage
from orchestrator.run.agents import BadAnswer, ContextTooLong, Overloaded, RateLimited, Refused, TimedOut
from orchestrator.run.agents.chat import ChatCompletion, request_body, seed
from orchestrator.run.agents.statuses import problem, reset_time
from tests.agents.chat_server import Reply, serve
from tests.agents.values import BRIEF, brief

GOOD = "```python\nx = 1\n```"


def agent(url: str, seconds: float = 20.0, **settings: Any) -> ChatCompletion:
    return ChatCompletion("local", ChatAgent(type="chat", url=url, **settings), seconds)


def body(heat: int = 0, **settings: Any) -> dict[str, Any]:
    return request_body(ChatAgent(type="chat", url="http://x/v1", **settings), "m", brief(heat=heat), "s", "u")


def test_the_request_is_a_chat_completion_with_the_brief_and_the_files(tmp_path: Path) -> None:
    with serve(Reply(GOOD)) as server:
        files = (Change("leap.py", "def old(): ...\n"), Change("gone.py", None))
        agent(server.url, model="m1", max_tokens=99).turn(brief(files=files), tmp_path)
        (sent,) = server.requests
    assert (sent["model"], sent["max_tokens"], sent["stream"], sent["temperature"]) == ("m1", 99, False, 0)
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert BRIEF.text.strip() in sent["messages"][1]["content"]
    assert "def old(): ..." in sent["messages"][1]["content"]
    assert "gone.py" not in sent["messages"][1]["content"]


def test_without_a_model_name_the_first_listed_model_is_asked(tmp_path: Path) -> None:
    with serve(Reply(GOOD)) as server:
        server.models = ["first", "second"]
        agent(server.url).turn(BRIEF, tmp_path)
        assert server.requests[0]["model"] == "first"
        server.models = []
        with pytest.raises(Refused, match="lists no model"):
            agent(server.url).turn(BRIEF, tmp_path)


@pytest.mark.parametrize(
    ("start", "heat", "sent"), [(0.0, 0, 0.0), (0.0, 1, 0.3), (0.0, 3, 0.9), (0.0, 9, 0.9), (0.5, 1, 0.8), (1.5, 0, 1.5), (1.5, 2, 1.5)]
)
def test_each_candidate_raises_the_temperature_up_to_a_ceiling(start: float, heat: int, sent: float) -> None:
    assert body(heat, temperature=start)["temperature"] == sent


def test_a_sampled_answer_has_a_seed_of_its_turn_and_a_greedy_one_has_none() -> None:
    assert "seed" not in body()
    assert body(1)["seed"] == body(2)["seed"] == seed(BRIEF)
    turns = [BRIEF, brief(attempt=2), brief(turn=2), brief(fingerprint="0" * 64), brief(role="tests")]
    assert len({seed(turn) for turn in turns}) == len(turns)
    assert all(0 <= seed(turn) < 2**31 for turn in turns)


def test_extra_has_the_last_word_except_over_streaming() -> None:
    sent = body(extra={"repeat_penalty": 1.0, "max_tokens": None, "max_completion_tokens": 5, "stream": True})
    assert sent["repeat_penalty"] == 1.0
    assert "max_tokens" not in sent and sent["max_completion_tokens"] == 5
    assert sent["stream"] is False


def test_the_key_is_sent_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Reply(body='{"error": {"message": "bad key sk-12345"}}', status=401)) as server:
        with_key = agent(server.url, model="m", api_key_env="LEAP_KEY")
        monkeypatch.delenv("LEAP_KEY", raising=False)
        with pytest.raises(Refused, match="LEAP_KEY is not set"):
            with_key.turn(BRIEF, tmp_path)
        assert server.requests == []
        monkeypatch.setenv("LEAP_KEY", "sk-12345")
        with pytest.raises(Refused) as caught:
            with_key.turn(BRIEF, tmp_path)
        assert server.headers[0]["Authorization"] == "Bearer sk-12345"
    assert "sk-12345" not in str(caught.value)
    assert "api_key_env" in caught.value.hint


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serve(Reply(GOOD)) as server:
        agent(server.url).turn(BRIEF, tmp_path)
    assert (tmp_path / "leap.py").read_text() == "x = 1\n"


def test_a_server_that_trickles_for_ever_is_left_at_the_time_limit(tmp_path: Path) -> None:
    with serve(Reply(trickle=True)) as server:
        started = time.monotonic()
        with pytest.raises(TimedOut):
            agent(server.url, 1.0).turn(BRIEF, tmp_path)
        assert time.monotonic() - started < 3


def test_an_answer_without_end_is_refused_at_its_size(tmp_path: Path) -> None:
    with serve(Reply("x" * 1_100_000)) as server, pytest.raises(BadAnswer, match="larger than"):
        agent(server.url).turn(BRIEF, tmp_path)


@pytest.mark.parametrize("data", ["<html>hello</html>", "[]", "{}", '{"choices": []}', '{"choices": [{"message": "x"}]}', '{"choices": [null]}'])
def test_an_answer_that_is_no_chat_completion_is_an_agent_error(tmp_path: Path, data: str) -> None:
    with serve(Reply(body=data)) as server, pytest.raises(BadAnswer):
        agent(server.url).turn(BRIEF, tmp_path)


def test_an_empty_answer_is_a_turn_that_changed_nothing(tmp_path: Path) -> None:
    with serve(Reply(body='{"choices": [{"message": {"content": null}, "finish_reason": "stop"}], "usage": {"prompt_tokens": "?"}}')) as server:
        turn = agent(server.url).turn(BRIEF, tmp_path)
    assert (turn.text, turn.usage) == ("", Usage())
    assert "the answer changed no file" in turn.notes
    assert list(tmp_path.iterdir()) == []


def test_a_program_stays_executable(tmp_path: Path) -> None:
    with serve(Reply(GOOD)) as server:
        agent(server.url).turn(brief(files=(Change("leap.py", "old\n", True),)), tmp_path)
    assert (tmp_path / "leap.py").stat().st_mode & 0o100


def test_half_an_answer_is_not_written(tmp_path: Path) -> None:
    with serve(Reply("```python leap.py\ndef f():\n    ret", finish="length")) as server:
        turn = agent(server.url).turn(BRIEF, tmp_path)
    assert turn.stop == "length"
    assert list(tmp_path.iterdir()) == []
    assert any("max_tokens" in note for note in turn.notes)


# --- the context window ----------------------------------------------------------------------------------------------


def prose(size: int) -> str:
    return "\n\n".join(f"Paragraph {number} of the background." for number in range(size // 30))


def test_background_is_cut_first_and_both_the_prompt_and_a_note_say_so(tmp_path: Path) -> None:
    background = prose(6000)
    long = brief(text=f"# Task\n\n{background}\n\n## R1: keep me\n", context=background, files=(Change("near.py", "NEAR = 1\n"),))
    with serve(Reply(GOOD)) as server:
        turn = agent(server.url, context_tokens=1200, max_tokens=200).turn(long, tmp_path)
        sent = server.requests[0]["messages"]
    user = sent[1]["content"]
    assert sum(len(message["content"]) for message in sent) <= 3500
    assert "Paragraph 0" in user and "characters of background left out" in user
    assert "## R1: keep me" in user and "NEAR = 1" in user
    assert any("characters of background" in note for note in turn.notes)


def test_files_to_be_read_go_next_and_the_file_to_be_changed_stays(tmp_path: Path) -> None:
    files = (Change("big.py", "# big\n" * 1000), Change("leap.py", "KEEP = 1\n"))
    with serve(Reply(GOOD)) as server:
        turn = agent(server.url, context_tokens=1200, max_tokens=200).turn(brief(files=files), tmp_path)
        user = server.requests[0]["messages"][1]["content"]
    assert "# big" not in user and "big.py is not shown" in user
    assert "KEEP = 1" in user
    assert any("big.py" in note for note in turn.notes)


def test_a_brief_that_cannot_be_cut_to_fit_is_not_sent(tmp_path: Path) -> None:
    with serve(Reply(GOOD)) as server:
        with pytest.raises(ContextTooLong, match="has room for"):
            agent(server.url, context_tokens=1200, max_tokens=200).turn(brief(text="rule\n" * 2000), tmp_path)
        assert server.requests == []


# --- refusals --------------------------------------------------------------------------------------------------------

REFUSALS = [
    (400, "bad request: unknown field", Refused),
    (400, "This model's maximum context length is 8192 tokens", ContextTooLong),
    (500, "Requested tokens (9000) exceed context window of 8192", ContextTooLong),
    (401, "no key", Refused),
    (402, "pay", Refused),
    (404, "model not found", Refused),
    (301, "moved", Refused),
    (429, "slow down", RateLimited),
    (429, "insufficient_quota", Refused),
    (500, "oops", Overloaded),
    (503, "loading model", Overloaded),
    (529, "overloaded", Overloaded),
]


@pytest.mark.parametrize(("status", "said", "kind"), REFUSALS)
def test_each_refusal_is_the_error_that_says_what_to_do(tmp_path: Path, status: int, said: str, kind: type[AgentError]) -> None:
    with serve(Reply(body=f'{{"error": {{"message": "{said}"}}}}', status=status)) as server, pytest.raises(AgentError) as caught:
        agent(server.url, model="m").turn(BRIEF, tmp_path)
    assert type(caught.value) is kind
    assert f"HTTP {status}: {said}" in str(caught.value)
    assert caught.value.hint


def test_a_rate_limit_says_when_to_come_back(tmp_path: Path) -> None:
    with serve(Reply(body="{}", status=429, headers={"Retry-After": "90"})) as server, pytest.raises(RateLimited) as caught:
        agent(server.url, model="m").turn(BRIEF, tmp_path)
    assert caught.value.reset_at == pytest.approx(time.time() + 90, abs=5)


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({}, None),
        ({"Retry-After": "20"}, 1020.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1001.5),
        ({"Retry-After": "Thu, 01 Jan 1970 00:30:00 GMT"}, 1800.0),
        ({"Retry-After": "soon"}, None),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 1360.0),
        ({"x-ratelimit-reset-tokens": "120ms"}, 1000.12),
        ({"X-RateLimit-Reset": "1700000000"}, 1_700_000_000.0),
        ({"X-RateLimit-Reset": "1700000000000"}, 1_700_000_000.0),
        ({"anthropic-ratelimit-tokens-reset": "1970-01-01T01:00:00Z"}, 3600.0),
        ({"x-ratelimit-remaining-requests": "7"}, None),
    ],
)
def test_the_reset_time_is_read_in_every_usual_form(headers: dict[str, str], at: float | None) -> None:
    assert reset_time(headers, 1000.0) == at


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error": {"message": "a"}}', "a"),
        ('{"error": "b"}', "b"),
        ('{"detail": "c"}', "c"),
        ("<html><h1>Bad gateway</h1></html>", "Bad gateway"),
        ("", ""),
        ("[" * 100_000, "["),
        ("<" * 900_000, "<"),
    ],
)
def test_the_endpoints_own_words_are_found(body: str, said: str) -> None:
    text = problem("local", "http://x/v1", 500, {}, body).message
    assert text.startswith(f"http://x/v1: HTTP 500: {said}" if said else "http://x/v1: HTTP 500")
    assert len(text) < 400
