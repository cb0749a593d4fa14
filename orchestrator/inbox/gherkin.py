"""A Gherkin fence → its scenarios, by the official parser. Pure.

A scenario is a criterion in words: its steps as one sentence, what a background says before them, the rows of its examples after them. It is not
executable; an agent, or a person, writes its test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.inbox.doctests import Remark

LANGUAGES = ("gherkin", "feature", "cucumber")
ROWS = 50
"""Of a table, in the words of a criterion."""

_TAG = re.compile(r"@(AC-?\d+(?:\.\d+)*)", re.IGNORECASE)
_NAMED = re.compile(r"\s*(AC[- ]?\d+(?:\.\d+)*)\s*[:)–—-]\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Scenario:
    key: str
    """From its name (`AC2: …`) or a tag (`@AC2`); '' when it has none."""
    text: str
    line: int


def read(text: str, line: int) -> tuple[list[Scenario], list[Remark]]:
    """`line` is that of the text's first line. A fence may begin with a feature, a rule, a scenario, or right with its steps."""
    from gherkin.errors import CompositeParserException, ParserException
    from gherkin.parser import Parser

    before = _missing(text)
    offset = line - 1 - len(before)
    try:
        parsed: dict[str, Any] = dict(Parser().parse("\n".join([*before, text]) + "\n"))
    except (CompositeParserException, ParserException) as error:
        first = error.errors[0] if isinstance(error, CompositeParserException) else error
        place = int((getattr(first, "location", None) or {}).get("line", len(before) + 1)) + offset
        said = re.sub(r"^\(\d+:\d+\):\s*", "", str(first).strip().splitlines()[-1])
        return [], [Remark(max(line, place), "bad-gherkin", f"not valid Gherkin: {said[:200]}", "steps begin with Given, When, Then, And or But")]
    feature = parsed.get("feature") or {}
    return [_scenario(scenario, background, line, offset) for scenario, background in _scenarios(feature, ())], []


def _missing(text: str) -> list[str]:
    """The lines that the parser wants before what is written."""
    first = next((line.strip() for line in text.split("\n") if line.strip() and not line.strip().startswith(("#", "@"))), "")
    if re.match(r"(?:Given|When|Then|And|But|\*)\b", first):
        return ["Feature: …", "  Scenario: …"]
    return ["Feature: …"] if re.match(r"(?:Scenario(?: Outline| Template)?|Background|Rule|Examples?):", first) else []


def _scenarios(part: dict[str, Any], background: tuple[Any, ...]) -> Iterator[tuple[dict[str, Any], tuple[Any, ...]]]:
    """Each scenario with the steps of the backgrounds before it."""
    for child in part.get("children", ()):
        if "background" in child:
            background = (*background, *child["background"]["steps"])
        elif "rule" in child:
            yield from _scenarios(child["rule"], background)
        elif "scenario" in child:
            yield child["scenario"], background


def _scenario(scenario: dict[str, Any], background: tuple[Any, ...], line: int, offset: int) -> Scenario:
    named = _NAMED.match(scenario["name"])
    tagged = next((match[1] for tag in scenario.get("tags", ()) if (match := _TAG.fullmatch(tag["name"]))), "")
    name = scenario["name"][named.end() :] if named else scenario["name"]
    steps = ", ".join(_step(step) for step in (*background, *scenario["steps"]))
    rows = "; ".join(
        _table([examples["tableHeader"], *examples["tableBody"]]) for examples in scenario.get("examples", ()) if "tableHeader" in examples
    )
    pieces = ("" if name.strip() in ("", "…") else f"{name.strip()}: ", steps, f". Examples: {rows}" if rows else "")
    return Scenario(named[1] if named else tagged, " ".join("".join(pieces).split()), max(line, scenario["location"]["line"] + offset))


def _step(step: dict[str, Any]) -> str:
    said = f"{step['keyword'].strip()} {step['text']}"
    if "docString" in step:
        said += f" “{step['docString']['content']}”"
    return said + (f" ({_table(step['dataTable']['rows'])})" if "dataTable" in step else "")


def _table(rows: list[dict[str, Any]]) -> str:
    shown = "; ".join(" | ".join(cell["value"] for cell in row["cells"]) for row in rows[:ROWS])
    return shown if len(rows) <= ROWS else f"{shown}; and {len(rows) - ROWS} more rows"
