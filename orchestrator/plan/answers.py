"""What a planning agent answers to each pass, as JSON: models, and how it is read out of what was said. Pure."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

Kind = Literal["cycles", "tasks", "criteria", "hints"]

FILE = "plan.json"
"""What an agent writes."""


class Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class AskedPerson(Answer):
    requirement: str
    text: str = Field(min_length=3, max_length=2000)


class InCycle(Answer):
    key: str
    depends_on: tuple[str, ...] = ()


class CycleAnswer(Answer):
    title: str = ""
    module: str = ""
    requirements: tuple[InCycle, ...] = Field(min_length=1)

    @field_validator("requirements", mode="before")
    @classmethod
    def _bare_keys(cls, value: Any) -> Any:
        return [{"key": each} if isinstance(each, str) else each for each in value] if isinstance(value, list) else value


class CyclesAnswer(Answer):
    cycles: tuple[CycleAnswer, ...] = Field(min_length=1)
    questions: tuple[AskedPerson, ...] = ()


class TaskAnswer(Answer):
    requirement: str
    title: str = Field(min_length=1, max_length=300)
    criteria: tuple[str, ...] = ()
    module: str = ""
    exports: tuple[str, ...] = ()
    tests: int | None = Field(None, ge=0, le=10_000)
    lines: int | None = Field(None, ge=0, le=1_000_000)
    depends_on: tuple[int, ...] = ()
    packages: tuple[str, ...] = ()


class TasksAnswer(Answer):
    tasks: tuple[TaskAnswer, ...] = Field(min_length=1)
    questions: tuple[AskedPerson, ...] = ()


class TaskCriteria(Answer):
    task: int
    criteria: tuple[str, ...] = Field(min_length=1)


class CriteriaAnswer(Answer):
    tasks: tuple[TaskCriteria, ...] = ()
    questions: tuple[str, ...] = ()


class TaskHints(Answer):
    task: int
    text: str = Field(min_length=1, max_length=4000)


class HintsAnswer(Answer):
    hints: tuple[TaskHints, ...] = ()


ANSWERS: dict[Kind, type[Answer]] = {"cycles": CyclesAnswer, "tasks": TasksAnswer, "criteria": CriteriaAnswer, "hints": HintsAnswer}


def read(kind: Kind, text: str) -> tuple[Any, tuple[str, ...]]:
    """(the answer, ()) or (None, why it is none): the JSON of the text, by itself, in a fence, or between other words."""
    found, problem = _json(text)
    if problem:
        return None, (problem,)
    try:
        return ANSWERS[kind].model_validate(found), ()
    except ValidationError as error:
        told = [f"`{'.'.join(map(str, each['loc'])) or FILE}`: {each['msg'].lower()}, found {_short(each['input'])}" for each in error.errors()[:12]]
        return None, tuple(told)


def _json(text: str) -> tuple[Any, str]:
    fences = re.findall(r"```[^\n`]*\n(.*?)(?:```|\Z)", text, re.DOTALL)
    first = text.find("{")
    for candidate in (text, *reversed(fences), text[first : text.rfind("}") + 1] if first >= 0 else ""):
        if candidate.strip():
            try:
                found = json.loads(candidate)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                return found, ""
            return None, f"a JSON object is expected, found {_short(found)}"
    ends = text.rstrip()
    said = "it ends in the middle" if first >= 0 and not ends.endswith(("}", "`")) else "it is no JSON"
    return None, f"no JSON object can be read from the answer: {said}"


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}…"
