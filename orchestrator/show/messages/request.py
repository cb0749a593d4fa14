"""The title and the text of a pull or merge request, from a Jinja2 template. Pure.

What a PRD, a test or an agent says is somebody's words: it is shown as such, pings nobody, closes no issue and breaks no table (`run/mentions.py`).
Every expression of a template goes through that; what `code` has made is left as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.run import mentions
from orchestrator.run.limits import Spent
from orchestrator.save.reports import CriterionReport, PrdReport, RequirementReport
from orchestrator.show import words

LIMIT = 65_536
"""Characters that GitHub takes; and bytes are bounded, since `glab` is given the text as an argument, which Linux takes up to 128 KiB of."""
BYTES = 120_000
FEW = 50
"""Entries of a list beside the table."""
TITLE = 200
CUT = "\n\nThe rest is cut off: the text would be longer than the host takes.\n"


@dataclass(frozen=True)
class Evidence:
    ref: str
    repository: str
    file: str
    """Of the git bundle."""
    head: str
    """Commit."""
    bundles: int


@dataclass(frozen=True)
class Row:
    """A criterion, and what proves it."""

    requirement: str
    title: str
    criterion: str
    key: str
    text: str
    state: str
    level: str
    tests: list[str]
    commits: list[str]
    inferred: bool
    added: bool


class _Markdown(str):
    """Made here, and not to be escaped."""


def title(prd: PrdReport, asked: str = "") -> str:
    """Of the request: what a person asked for, else the PRD's."""
    return mentions.cut(mentions.harmless(asked or prd.title or prd.id), TITLE)


def rows(prd: PrdReport) -> list[Row]:
    return [_row(requirement, criterion) for requirement in prd.requirements for criterion in requirement.criteria]


def _row(requirement: RequirementReport, criterion: CriterionReport) -> Row:
    return Row(
        requirement=requirement.key,
        title=requirement.title,
        criterion=criterion.id,
        key=criterion.key,
        text=criterion.text,
        state=criterion.state,
        level=criterion.level,
        tests=criterion.tests,
        commits=criterion.commits,
        inferred=criterion.inferred or criterion.added or requirement.inferred,
        added=criterion.added,
    )


def body(template: str, prd: PrdReport, evidence: Evidence, spent: Spent) -> str:
    """Markdown, at most LIMIT characters: rows of the table are left out first, and it says so. Raises jinja2.TemplateError."""
    listed = rows(prd)
    counted = Counter(row.level for row in listed if row.state == "proved")
    values = {
        "prd": prd,
        "rows": listed,
        "proved": [row for row in listed if row.state == "proved"],
        "levels": [(level, counted[level], word.says) for level, word in words.LEVELS.items() if counted[level]],
        "uncovered": prd.plan.uncovered if prd.plan else [],
        "inferred": [row for row in listed if row.inferred],
        "validation": prd.validation,
        "evidence": evidence,
        "spent": spent,
        "few": FEW,
    }
    made = _environment().from_string(template)
    for shown in _fewer(len(listed)):
        text: str = made.render(shown=shown, **values).strip() + "\n"
        if len(text) <= LIMIT and len(text.encode()) <= BYTES:
            return text
    kept = text.encode()[: BYTES - len(CUT)].decode("utf-8", "ignore")
    return kept[: LIMIT - len(CUT)] + CUT


def _fewer(count: int) -> Iterator[int]:
    """All of them, then nine tenths, and so on down to none."""
    while count:
        yield count
        count = count * 9 // 10
    yield 0


def _environment() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # in a product's own repository the working folder's template is a file that agents may have written
    env = ImmutableSandboxedEnvironment(undefined=StrictUndefined, finalize=_shown, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    env.filters.update(
        code=lambda value: _Markdown(mentions.code(str(value))),
        short=lambda value: str(value)[:10],
        label=lambda value: str(value).rpartition("::")[2] or str(value),
        plural=lambda count, one, many="": f"{count:,} {one if count == 1 else many or one + 's'}",
    )
    return env


def _shown(value: Any) -> Any:
    return value if isinstance(value, _Markdown) or not isinstance(value, str) else mentions.words(value)
