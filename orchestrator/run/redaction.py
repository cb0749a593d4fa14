"""What is never kept: keys and passwords in what agents say, in what goes wrong with them, and in what code prints. Pure.

Replaced by `[redacted]` before anything is written (recordings, journal, database, reports, logs): the values of the environment variables that
agents get, what has the shape of a key, and what matches `redact` of the configuration. Files that an agent wrote lose only the values: what
merely looks like a key is for the gates to refuse, and is replaced with the words of the refused attempt. Until it is pruned, the journal holds it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Any

from orchestrator.config import AcpAgent, Config
from orchestrator.errors import AgentError
from orchestrator.model import AgentTurn, Attempt, Change, CycleResult
from orchestrator.run.agents import presets

MARK = "[redacted]"
LEAST = 8
"""Characters of a variable's value: a shorter one is no secret, and stands everywhere."""

KEYS = re.compile(
    r"\bAKIA[0-9A-Z]{16}\b(?<!EXAMPLE)|\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_\w{50,}|\bsk-(ant-|proj-)?[A-Za-z0-9_-]{32,}|\bxox[abprs]-[0-9]{6,}-[\w-]{10,}"
    r"|\bAIza[0-9A-Za-z_-]{35}\b|\bglpat-[\w-]{20}\b|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{100,}"
)
"""Keys by their look alone: nothing else looks like them, and code that holds one is refused."""

_SHAPES = (
    KEYS,
    re.compile(r"\bsk-[A-Za-z0-9_-]{20,}|\bhf_[A-Za-z0-9]{30,}|\beyJ[\w-]{8,1000}\.eyJ[\w-]{8,1000}\.[\w-]{8,1000}"),
    re.compile(r"(?P<keep>\bauthorization[\"']?\s{0,5}[:=]\s{0,5}[\"']?(?:bearer|basic|token)\s{1,5})[\w.~+/=-]{8,}", re.IGNORECASE),
    re.compile(r"(?P<keep>\bbearer\s{1,5})(?=[\w.~+/-]{0,200}\d)[\w.~+/=-]{20,}", re.IGNORECASE),
    re.compile(r"(?P<keep>\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@]{0,100}:)[^\s/@]{3,200}(?=@)", re.IGNORECASE),
    re.compile(
        r"(?P<keep>(?:api[_-]?key|secret|token|passwd|password)[\w-]{0,20}[\"']?\s{0,5}[:=]\s{0,5}[\"']?)"
        r"(?=[\w.~+/-]{0,200}\d)(?=[\w.~+/-]{0,200}[A-Za-z])[\w.~+/-]{16,}",
        re.IGNORECASE,
    ),
)
"""Keys, and what stands where a key usually stands; `keep` is what may stay of a match."""


@dataclass(frozen=True)
class Redaction:
    """What is replaced. Plain data: it holds the names of variables, and takes their values from the environment it is given."""

    variables: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    def values(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """The secrets themselves, longest first."""
        found = {environ.get(name, "").strip() for name in self.variables}
        return tuple(sorted((value for value in found if len(value) >= LEAST), key=len, reverse=True))

    def cleaner(self, environ: Mapping[str, str]) -> Callable[[str], str]:
        """Text → the same without anything that is to be replaced."""
        values = self.values(environ)
        return lambda text: _shapes(_values(text, values), self.patterns)

    def files(self, changed: tuple[Change, ...], environ: Mapping[str, str]) -> tuple[tuple[Change, ...], tuple[str, ...]]:
        """An agent's files without the values themselves, and a note on each that held one. What only looks like a key is for the gates to refuse."""
        values = self.values(environ)
        kept = changes(changed, lambda text: _values(text, values))
        lost = [new.path for new, old in zip(kept, changed, strict=True) if new != old]
        return kept, tuple(f"{path} held the value of an environment variable that is a secret; it reads {MARK}" for path in lost)


def of(config: Config) -> Redaction:
    """What the configuration calls secret: variables that an agent gets and that are named like a key, those of notifications, and the patterns."""
    names: dict[str, None] = dict.fromkeys(config.notify.to_env)
    for agent in config.agents.values():
        passed = presets.of(agent).env_keys if isinstance(agent, AcpAgent) else getattr(agent, "env_keys", ())
        names |= dict.fromkeys((getattr(agent, "api_key_env", ""), *filter(_NAMED.search, passed)))
    return Redaction(tuple(name for name in names if name), tuple(config.redact))


_NAMED = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH", re.IGNORECASE)
"""Agents also get variables that name a model or an address: these are no secrets, and stand everywhere."""


def _values(text: str, values: tuple[str, ...]) -> str:
    for value in values:
        text = text.replace(value, MARK)
    return text


def _shapes(text: str, patterns: tuple[str, ...]) -> str:
    for shape in (*_SHAPES, *map(_compiled, patterns)):
        text = shape.sub(_marked, text)
    return text


def _marked(match: re.Match[str]) -> str:
    return (match["keep"] if "keep" in match.re.groupindex else "") + MARK if match[0] else ""


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


# --- what is kept ----------------------------------------------------------------------------------------------------


def turn(taken: AgentTurn, clean: Callable[[str], str]) -> AgentTurn:
    """The turn as it is kept; where something was replaced, a note says so."""
    kept = replace(taken, text=clean(taken.text), transcript=clean(taken.transcript), notes=tuple(map(clean, taken.notes)), stop=clean(taken.stop))
    return kept if kept == taken else replace(kept, notes=(*kept.notes, f"a key or password was left out of what is kept: it reads {MARK}"))


def changes(given: tuple[Change, ...], clean: Callable[[str], str]) -> tuple[Change, ...]:
    return tuple(change if change.text is None else replace(change, text=clean(change.text)) for change in given)


def error(met: AgentError, clean: Callable[[str], str]) -> None:
    """In place: what it says goes into reasons and reports."""
    met.message, met.hint = clean(met.message), clean(met.hint)


def result(found: CycleResult, clean: Callable[[str], str]) -> CycleResult:
    """A cycle's result as it is kept: its words, and the text of candidates that were refused. What is committed stays: the gates have seen it."""
    kept: CycleResult = _words(found, clean)
    return kept


_WORDS = frozenset({"message", "output", "reason", "text", "transcript", "notes", "diff", "detail", "triggers"})
"""Fields that hold words; others are identities, paths and code."""


def _words(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, Change) or not (is_dataclass(value) and not isinstance(value, type)):
        return value
    new: dict[str, Any] = {}
    for field in fields(value):
        old = getattr(value, field.name)
        made: Any = old
        if isinstance(old, str):
            made = clean(old) if field.name in _WORDS else old
        elif isinstance(old, tuple):
            made = tuple((clean(each) if field.name in _WORDS else each) if isinstance(each, str) else _words(each, clean) for each in old)
        else:
            made = _words(old, clean)
        if made != old:
            new[field.name] = made
    if isinstance(value, Attempt) and value.verdict == "refused" and (kept := changes(value.changes, clean)) != value.changes:
        new["changes"] = kept
    return replace(value, **new) if new else value
