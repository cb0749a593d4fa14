"""Does the code follow a rule, or does it tell the examples from everything else? It is asked about inputs near the examples'. Pure.

Nobody knows the right answers there, so nothing is refused. But where every other input gets one and the same answer (or its own input back),
and only the examples' own inputs get theirs, a held-out example that held proves nothing: anything else would have got that answer too.
"""

from __future__ import annotations

import ast
import copy
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from orchestrator.model import Example, Finding
from orchestrator.plan.held_out import call_form

PER_FORM = 120
"""Inputs asked about for one call form."""
SAME = 0.9
"""Share of them with one answer that makes it the answer to everything else."""
ENOUGH = 8
"""Fewer inputs than these say nothing."""


@dataclass(frozen=True)
class Probe:
    setup: tuple[str, ...]
    call: str
    form: str


@dataclass(frozen=True)
class Special:
    findings: tuple[Finding, ...]
    examples: frozenset[str]
    """Ids of the examples whose call form is answered so: their level is at most `oracle`."""


@lru_cache(maxsize=1)
def probes(examples: tuple[Example, ...]) -> tuple[Probe, ...]:
    """Calls near those of the examples: one literal argument at a time a little other, or taken from another example."""
    found: list[Probe] = []
    for form, group in sorted(_forms(examples).items()):
        known = {ast.unparse(ast.parse(example.call.strip(), mode="eval")) for example in group}
        streams = [_near(example, group) for example in group]
        calls: dict[str, tuple[str, ...]] = {}
        while streams and len(calls) < PER_FORM:
            for stream, example in zip(tuple(streams), group, strict=False):
                call = next(stream, None)
                if call is None:
                    streams.remove(stream)
                elif call not in known:
                    calls.setdefault(call, example.setup)
        found += [Probe(setup, call, form) for call, setup in list(calls.items())[:PER_FORM]]
    return tuple(found)


def judge(asked: tuple[Probe, ...], answers: tuple[Any, ...], visible: tuple[Example, ...], hidden: tuple[Example, ...]) -> Special:
    """`answers`: what the code said to each probe, as JSON; one that differs in nothing but its message is the same."""
    findings: list[Finding] = []
    capped: set[str] = set()
    for form, group in sorted(_forms((*visible, *hidden)).items()):
        seen = [(probe, key) for probe, answer in zip(asked, answers, strict=False) if probe.form == form and (key := _key(answer))]
        shown = [example for example in group if example in visible]
        unseen = [example for example in group if example in hidden]
        if len(seen) < ENOUGH or not shown:
            continue
        (common, count), *_ = Counter(key for _, key in seen).most_common(1)
        echoed = sum(_echo(probe.call, key) for probe, key in seen)
        if max(count, echoed) < SAME * len(seen):
            continue
        special = [example for example in shown if not _plain(example, common if count >= echoed else None)]
        if not special or any(not _plain(example, common if count >= echoed else None) for example in unseen):
            continue
        reached = {key for _, key in seen}
        if any(_expected(example) in reached for example in special):
            continue
        what = "gets its own argument back" if echoed > count else f"gets the same answer, {_words(common)}"
        lines = ", ".join(str(example.line) for example in special[:10])
        findings.append(
            Finding(
                "special casing",
                f"`{form}`: each of {len(seen)} other inputs near the examples' {what}; only the examples of line {lines} are answered otherwise: "
                "the code may know the examples, not the rule",
                "notice",
            )
        )
        capped |= {example.id for example in group}
    return Special(tuple(findings), frozenset(capped))


def _forms(examples: tuple[Example, ...]) -> dict[str, list[Example]]:
    """Examples by call form, where a call has literal arguments to vary and needs no input files."""
    found: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if example.compare in ("value", "approx", "raises") and not example.files and _literals(example.call):
            found[call_form(example)].append(example)
    return found


# --- inputs near the examples' -------------------------------------------------------------------------------------------


def _literals(call: str) -> list[tuple[int, Any]]:
    """(position, value) of the literal arguments of the outermost call, in order; keywords count on."""
    try:
        tree = ast.parse(call.strip(), mode="eval")
    except SyntaxError:
        return []
    if not isinstance(tree.body, ast.Call):
        return []
    values = [*tree.body.args, *(keyword.value for keyword in tree.body.keywords)]
    found = []
    for position, node in enumerate(values):
        try:
            found.append((position, ast.literal_eval(node)))
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            continue
    return found


def _near(example: Example, group: list[Example]) -> Iterator[str]:
    arguments = _literals(example.call)
    for other in group:
        for position, value in _literals(other.call):
            yield _with(example.call, position, value)
    streams = [(position, _varied(value)) for position, value in arguments]
    while streams:
        for position, stream in tuple(streams):
            value = next(stream, _END)
            if value is _END:
                streams.remove((position, stream))
            else:
                yield _with(example.call, position, value)


_END = object()


def _with(call: str, position: int, value: Any) -> str:
    tree = ast.parse(call.strip(), mode="eval")
    body = tree.body
    assert isinstance(body, ast.Call)
    node = ast.parse(repr(value), mode="eval").body
    if position < len(body.args):
        body.args[position] = node
    elif position - len(body.args) < len(body.keywords):
        body.keywords[position - len(body.args)].value = node
    return ast.unparse(tree)


def _varied(value: Any) -> Iterator[Any]:
    """Other values of the same type, the nearest first."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        for step in (1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, 7, 8, 9, 10, -10, 11, 12, 13, 15, 16, 20, 25, 30, 50, 60, 99, 100, -100, 400, 1000):
            if value < 0 or value + step >= 0:
                yield value + step
        yield from (value * 2, value * 3, value * 10, value // 2)
    elif isinstance(value, float):
        yield from (value + step for step in (1.0, -1.0, 0.5, -0.5, 0.25, 2.0, 10.0, 100.0))
        yield from (value * 2, value / 2)
    elif isinstance(value, str):
        yield from _varied_text(value)
    elif isinstance(value, (list, tuple)):
        for position in range(len(value)):
            yield type(value)((*value[:position], *value[position + 1 :]))
        yield type(value)(reversed(value))
        for position, item in enumerate(value):
            for other in _varied(item):
                yield type(value)((*value[:position], other, *value[position + 1 :]))
        yield type(value)((*value, *value))
    elif isinstance(value, dict):
        for key in value:
            yield {other: item for other, item in value.items() if other != key}
            for item in _varied(value[key]):
                yield {**copy.copy(value), key: item}


def _varied_text(text: str) -> Iterator[str]:
    words = text.split()
    yield from (text[1:], text[:-1], text[::-1], text + text, text.swapcase(), text.upper(), text + "s", "a" + text)
    if len(words) > 1:
        yield from (" ".join(reversed(words)), " ".join(words[1:]), " ".join(words[:-1]), "".join(words), " ".join((*words, words[0])))
    for position, letter in enumerate(text[:40]):
        if letter.isdigit():
            yield from (text[:position] + digit + text[position + 1 :] for digit in "0123456789" if digit != letter)
        elif letter.isalpha():
            shifted = chr(ord(letter) + 1) if letter.lower() not in "zß" and letter.isascii() else "a"
            yield text[:position] + shifted + text[position + 1 :]
        else:
            yield text[:position] + text[position + 1 :]
    for position in range(len(text[:40])):
        yield text[:position] + text[position + 1 :]
        yield text[:position] + text[position : position + 1] * 2 + text[position + 1 :]


# --- answers -------------------------------------------------------------------------------------------------------------


def _key(answer: Any) -> str:
    """What makes two answers the same: the value, or the type of what was raised; '' when there was no answer."""
    if isinstance(answer, dict) and answer.get("answer") == "value":
        return "value " + json.dumps(answer.get("value"), sort_keys=True)
    return f"raise {answer.get('type', '')}" if isinstance(answer, dict) and answer.get("answer") == "raise" else ""


def _expected(example: Example) -> str:
    """The same for what an example expects."""
    if example.compare == "raises":
        return f"raise {example.raises.rpartition('.')[2]}"
    if example.compare == "approx":
        return "value of a number"
    return "value " + json.dumps(_tagged(ast.literal_eval(example.expected.strip())), sort_keys=True)


def _tagged(value: Any) -> Any:
    """As the sandbox tags a value; what it cannot be there gets a form that equals nothing."""
    if value is None or isinstance(value, bool):
        return ["literal", value]
    if isinstance(value, int):
        return ["int", hex(value)]
    if isinstance(value, float):
        return ["float", value.hex()]
    if isinstance(value, str):
        return ["text", value]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, [_tagged(item) for item in value]]
    if isinstance(value, dict):
        return ["dict", [[_tagged(key), _tagged(item)] for key, item in value.items()]]
    return ["literal", repr(value)]


def _plain(example: Example, common: str | None) -> bool:
    """It expects what every other input gets: that one answer, or (None) its own argument."""
    if common is not None:
        return _expected(example) == common
    return _echo(example.call, _expected(example))


def _echo(call: str, key: str) -> bool:
    """The answer is one of the arguments, as it is or as text."""
    return any(key == "value " + json.dumps(_tagged(form), sort_keys=True) for _, value in _literals(call) for form in (value, str(value)))


def _words(key: str) -> str:
    kind, _, rest = key.partition(" ")
    if kind != "value":
        return f"it {kind}s {rest}".rstrip()
    tagged = json.loads(rest)
    return repr(tagged[1]) if tagged[0] in ("text", "literal") else str(int(tagged[1], 16)) if tagged[0] == "int" else tagged[0]
