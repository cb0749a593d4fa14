"""Whatever an agent tells or asks, nothing of it breaks the orchestrator."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.run.agents import complaints, permissions, told, updates
from orchestrator.run.agents.presets import PRESETS, Preset

TEXT = st.text(alphabet="ab/.-1 \n\x1b[é\ud800", max_size=8)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "command", "path", "amount", "usage", "inputTokens"]) | TEXT, inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
KEYS = (
    "sessionUpdate",
    "content",
    "toolCallId",
    "title",
    "kind",
    "status",
    "rawInput",
    "locations",
    "entries",
    "cost",
    "_meta",
    "usage",
    "stopReason",
)
WORDS = st.sampled_from(["agent_message_chunk", "tool_call", "tool_call_update", "plan", "usage_update", "edit", "completed", "USD"])
TELLING = st.dictionaries(st.sampled_from(KEYS), ANYTHING | WORDS, max_size=8)


@given(st.lists(TELLING, max_size=4), TELLING, st.sampled_from(sorted(PRESETS)))
def test_updates_and_answers_of_any_form_are_taken(tellings: list[dict[str, Any]], answer: dict[str, Any], preset: str) -> None:
    heard = updates.Heard()
    for telling in tellings:
        heard.take(telling)
    usage, _ = updates.usage(PRESETS[preset], answer, heard, updates.Totals())
    updates.failed(PRESETS[preset], answer)
    assert usage.input_tokens is None or usage.input_tokens >= 0
    assert usage.usd is None or usage.usd >= 0
    f"{heard.text}{heard.lines}".encode()


@given(TELLING)
def test_a_request_of_any_form_is_judged(call: dict[str, Any]) -> None:
    assert isinstance(permissions.refusal(call, "/workspace", ("leap.py",)), str)


@given(st.text(alphabet=st.sampled_from(" abrm-f/.~$()|&;<>'\"`\n\\#1=") | st.sampled_from("é\x00\t9"), max_size=80))
@settings(max_examples=300)
def test_a_command_of_any_form_is_judged_and_any_words_are_read(text: str) -> None:
    assert isinstance(permissions.of_command(text, "/workspace", ()), str)
    complaints.problem("mine", text, 1.7e9)


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    text = told.Told(100)
    for number in range(1000):
        text.add(f"{number} ")
    assert str(text).startswith("0 1 2 ")
    assert str(text).endswith("998 999 ")
    assert len(str(text)) < 200


def test_of_a_total_what_is_no_answer_is_prompt_with_what_came_from_caches() -> None:
    assert updates.tokens({"inputTokens": 10, "outputTokens": 5, "totalTokens": 1015, "cachedReadTokens": 1000}) == (1010, 5)
    assert updates.tokens({"inputTokens": 100, "outputTokens": 5, "totalTokens": 105, "cachedReadTokens": 90}) == (100, 5)
    assert updates.tokens({"inputTokens": 100, "outputTokens": 5, "thoughtTokens": 7, "totalTokens": 112}) == (100, 12)
    assert updates.tokens({"inputTokens": True, "outputTokens": 5}) == (None, None)


def test_a_cost_is_what_came_on_top_and_one_that_begins_anew_is_whole() -> None:
    preset, heard = Preset(argv=()), updates.Heard()
    before = updates.Totals()
    found = []
    for cost in (0.2, 0.5, 0.1):
        heard.take({"sessionUpdate": "usage_update", "cost": {"amount": cost, "currency": "USD"}})
        usage, before = updates.usage(preset, {}, heard, before)
        found.append(round(usage.usd or 0, 3))
    assert found == [0.2, 0.3, 0.1]
