"""No key and no password is kept, whoever says it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import ChatAgent, Config
from orchestrator.errors import AgentError
from orchestrator.model import AgentTurn, Attempt, Change, Finding, Usage
from orchestrator.run import redaction
from orchestrator.run.redaction import MARK, Redaction

CLEAN = Redaction().cleaner({})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("use sk-proj-" + "a1B2" * 10, f"use {MARK}"),
        ("sk-ant-api03-" + "Zz9_" * 12 + " it is", f"{MARK} it is"),
        ("AKIA" + "Q" * 16, MARK),
        ("ghp_" + "0aB" * 12, MARK),
        ("glpat-" + "a" * 20, MARK),
        ("hf_" + "aB1" * 11, MARK),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9m", MARK),
        ("Authorization: Bearer abcdefgh12345678", f"Authorization: Bearer {MARK}"),
        ('{"authorization": "Basic dXNlcjpwYXNz"}', f'{{"authorization": "Basic {MARK}"}}'),
        ("postgres://admin:hunter22@db/x", f"postgres://admin:{MARK}@db/x"),
        ("MODELS_API_KEY=abc123def456ghi789", f"MODELS_API_KEY={MARK}"),
        ("password: 'correct1horse2battery3'", f"password: '{MARK}'"),
        ("-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA" * 8 + "\n-----END RSA PRIVATE KEY-----", f"{MARK}-----END RSA PRIVATE KEY-----"),
    ],
)
def test_what_has_the_shape_of_a_key_is_replaced(text: str, kept: str) -> None:
    assert CLEAN(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "def tokens(text):\n    return text.split()\n",
        "max_tokens: 64000, context_tokens: 8192",
        "secret = None  # nothing to hide",
        "next_token = parser.next_token_of_the_stream()",
        "https://example.com/a:b@c and user@example.com",
        "the fingerprint 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "AKIAIOSFODNN7EXAMPLE",
        "the bearer of this letter",
        "sk-learn and risk-taking-is-not-a-key-at-all",
    ],
)
def test_what_is_no_key_stays(text: str) -> None:
    assert CLEAN(text) == text


secrets = st.text(min_size=redaction.LEAST, max_size=40).map(str.strip).filter(lambda text: len(text) >= redaction.LEAST)


@given(st.text(max_size=300), secrets.filter(lambda text: not {*"[]"} & {*text} and text not in MARK), st.text())
def test_the_value_of_a_secret_variable_never_stays(before: str, secret: str, after: str) -> None:
    clean = Redaction(("KEY",)).cleaner({"KEY": secret})
    kept = clean(before + secret + after)
    assert secret not in kept
    assert clean(kept) == kept


def test_a_short_value_and_an_unset_variable_replace_nothing() -> None:
    assert Redaction(("A", "B")).cleaner({"A": "yes"})("yes, and yes again") == "yes, and yes again"


def test_the_configuration_names_variables_and_patterns() -> None:
    config = Config(agents={"hosted": ChatAgent(type="chat", url="http://x/v1", api_key_env="HOSTED")}, redact=[r"ACME-\d+"])
    clean = redaction.of(config).cleaner({"HOSTED": "open sesame!"})
    assert clean("open sesame! said ACME-1234") == f"{MARK} said {MARK}"


def test_keys_that_a_preset_passes_on_are_secrets_too() -> None:
    config = Config.model_validate({"agents": {"mine": {"type": "acp", "preset": "claude", "env_keys": ["OTHER_TOKEN", "OTHER_MODEL"]}}})
    names = redaction.of(config).variables
    assert {"ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "OTHER_TOKEN"} <= {*names}
    assert not {"ANTHROPIC_MODEL", "ANTHROPIC_BASE_URL", "OTHER_MODEL"} & {*names}


@pytest.mark.parametrize(
    "text", ["eyJ-" * 100_000, "password" * 50_000, "a://" * 100_000, "token=" + "-" * 400_000, "sk-" * 100_000, "bearer " * 60_000]
)
def test_a_long_hostile_text_is_read_at_once(text: str) -> None:
    assert len(CLEAN(text)) <= len(text) + 10 * text.count(" ")


def test_a_turn_says_that_something_was_left_out() -> None:
    taken = AgentTurn("the key is ghp_" + "a" * 36, Usage(), "stop", "a", "chat", "m", 1.0, transcript="…")
    kept = redaction.turn(taken, CLEAN)
    assert kept.text == f"the key is {MARK}"
    assert kept.notes == (f"a key or password was left out of what is kept: it reads {MARK}",)
    assert redaction.turn(kept, CLEAN) == kept, "and says it once"


def test_an_error_keeps_what_to_do_and_when() -> None:
    met = AgentError("HTTP 401 for glpat-" + "x" * 20, hint="check the key", reset_at=5.0)
    redaction.error(met, CLEAN)
    assert (str(met), met.reset_at) == (f"HTTP 401 for {MARK}\n  → check the key", 5.0)


def test_a_refused_candidate_is_cleaned_and_one_that_passed_is_what_was_judged() -> None:
    change = Change("a.py", "KEY = 'ghp_" + "a" * 36 + "'\n")
    made = [Attempt(1, (), (change,), change.text or "", verdict, (Finding("scan", change.text or ""),), ()) for verdict in ("passed", "refused")]
    passed, refused = (redaction._words(attempt, CLEAN) for attempt in made)
    assert passed.changes == (change,)
    assert refused.changes == (Change("a.py", f"KEY = '{MARK}'\n"),)
    assert passed.diff == refused.diff == passed.findings[0].message == f"KEY = '{MARK}'\n"
