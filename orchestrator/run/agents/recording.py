"""A recorded turn: one Markdown file a person can read, that gives back exactly what the agent answered and changed.

    ---
    prd: leap                      front matter: whose turn it was, what was asked, who answered
    …
    ---

    # Answer

    ```text
    the answer as it was
    ```

    # File leap.py

    ```python
    the whole new text
    ```

    # Brief

    ```text
    what was asked, so that a replay can say what has changed since
    ```

A fence is longer than any run of backticks inside it. A heading ends in what cannot be seen: `(no newline at end)`, `(executable)`,
`(deleted)`. A path that is not plain stands as a JSON string.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.model import AgentTurn, Brief, Change, Task, Usage, Way
from orchestrator.run import redaction
from orchestrator.run.agents import workspace
from orchestrator.run.redaction import Redaction

if TYPE_CHECKING:
    from orchestrator.run.agents import Agent

HEADING = re.compile(r'# (?:(Answer|Brief)|File ("(?:[^"\\]|\\.)*"|\S+))(?: \(([a-z, ]+)\))?')
LANGUAGES = {".py": "python", ".md": "markdown", ".toml": "toml", ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".csv": "csv"}


@dataclass(frozen=True)
class RecordedTurn:
    prd: str
    task: str
    role: str
    attempt: int
    turn: int
    fingerprint: str
    """The task's."""
    brief: str
    """SHA-256 of the brief's text, hex."""
    agent: str
    kind: str
    model: str
    recorded_at: str
    """Date, UTC."""
    seconds: float
    stop: str
    usage: Usage
    notes: tuple[str, ...]
    text: str
    changes: tuple[Change, ...] = field(default=())
    way: str = ""
    """How it was asked; '' for one that was recorded before there were several ways."""
    asked: str = ""
    """The brief's text; '' for one that was recorded before it was kept."""


def brief_hash(brief: Brief) -> str:
    return hashlib.sha256(brief.text.encode("utf-8", "replace")).hexdigest()


def task_folder(folder: Path, prd: str, task: str) -> Path:
    """`<folder>/<prd>/<requirement key>`; what is not safe in a file name becomes `_`."""
    return folder.joinpath(*(re.sub(r"[^\w.-]|^\.+", "_", name) or "_" for name in (prd, task.partition("#")[2] or task)))


def turn_path(folder: Path, brief: Brief) -> Path:
    return task_folder(folder, brief.prd, brief.task) / f"{brief.role}-{brief.attempt}.{brief.turn}.md"


def dump(recorded: RecordedTurn) -> str:
    """The file's text. `load(dump(x)) == x` for every text that UTF-8 can hold."""
    import yaml

    head = {key: value for key, value in asdict(recorded).items() if key not in ("text", "changes", "asked")}
    head["notes"] = list(recorded.notes)
    breaks = any(letter in json.dumps(head) for letter in ("\\u0085", "\\u2028", "\\u2029"))  # YAML folds these line ends unless they are escaped
    front = yaml.safe_dump(head, sort_keys=False, allow_unicode=not breaks, width=1000)
    parts = [f"---\n{front}---\n", "# Answer\n", _fenced(recorded.text + "\n", "text")]
    for change in recorded.changes:
        flags = []
        if change.text is None:
            flags.append("deleted")
        elif change.text and not change.text.endswith("\n"):
            flags.append("no newline at end")
        if change.executable:
            flags.append("executable")
        path = change.path if re.fullmatch(r"[\w./-]+", change.path, re.ASCII) else json.dumps(change.path)
        parts.append(f"# File {path}" + (f" ({', '.join(flags)})" if flags else "") + "\n")
        if change.text is not None:
            body = change.text + "\n" if "no newline at end" in flags else change.text
            parts.append(_fenced(body, LANGUAGES.get(Path(change.path).suffix, "text")))
    if recorded.asked:
        parts += ["# Brief\n", _fenced(recorded.asked + "\n", "text")]
    return "\n".join(parts)


def _fenced(body: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{body}{fence}\n"


def load(text: str) -> RecordedTurn:
    """The turn of such a file. Raises ValueError that says what is wrong with it."""
    import yaml

    opening, _, rest = text.partition("---\n")
    front, mark, body = rest.partition("\n---\n")
    if opening or not mark:
        raise ValueError("it does not start with front matter between two lines of `---`")
    try:
        head = yaml.safe_load(front)
        usage = Usage(**head.pop("usage"))
        notes = tuple(head.pop("notes"))
        sections = list(_sections(body))
        (answer,) = [content for kind, _, _, content in sections if kind == "Answer"]
        asked = next((content for kind, _, _, content in sections if kind == "Brief"), "\n")
        changes = tuple(_change(name, flags, content) for kind, name, flags, content in sections if not kind)
        return RecordedTurn(**head, usage=usage, notes=notes, text=answer[:-1], changes=changes, asked=asked[:-1])
    except yaml.YAMLError as error:
        raise ValueError(f"its front matter is not valid YAML: {error}") from None
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"its front matter is not that of a recording: {error}") from None


def _sections(body: str) -> Iterator[tuple[str, str, set[str], str]]:
    """(`Answer`, `Brief` or '' for a file, path, flags, content) of each section."""
    lines = iter(body.split("\n"))
    for line in lines:
        if not line.strip():
            continue
        heading = HEADING.fullmatch(line)
        if not heading:
            raise ValueError(f"expected `# Answer`, `# File …` or `# Brief`, found {line[:80]!r}")
        kind, name = heading[1] or "", heading[2] or ""
        path = str(json.loads(name)) if name.startswith('"') else name
        flags = set(heading[3].split(", ")) if heading[3] else set()
        yield kind, path, flags, "" if "deleted" in flags else _fence_content(lines, line)


def _fence_content(lines: Iterator[str], heading: str) -> str:
    for line in lines:
        if not line.strip():
            continue
        opened = re.fullmatch(r"(`{3,})[a-z]*", line)
        if not opened:
            break
        content: list[str] = []
        for inner in lines:
            if inner == opened[1]:
                return "".join(f"{kept}\n" for kept in content)
            content.append(inner)
        raise ValueError(f"the fence under `{heading}` is not closed")
    raise ValueError(f"no fence under `{heading}`")


def _change(path: str, flags: set[str], content: str) -> Change:
    if "deleted" in flags:
        return Change(path, None)
    return Change(path, content[:-1] if "no newline at end" in flags else content, "executable" in flags)


@dataclass(frozen=True)
class Recording:
    """Any agent, with every answer written to `folder`. A turn recorded again drops the later ones, which followed another answer."""

    agent: Agent
    folder: Path
    redaction: Redaction = field(default_factory=Redaction)

    @property
    def name(self) -> str:
        return self.agent.name

    @property
    def kind(self) -> str:
        return self.agent.kind

    def most(self, brief: Brief) -> Usage:
        return self.agent.most(brief)

    def way(self, task: Task, attempt: int, asked: int, units: int) -> Way:
        return self.agent.way(task, attempt, asked, units)

    def turn(self, brief: Brief, folder: Path, seconds: float | None = None) -> AgentTurn:
        before = workspace.read(folder)
        answer = self.agent.turn(brief, folder, seconds)
        path = turn_path(self.folder, brief)
        clean = self.redaction.cleaner(os.environ)
        told = recorded_turn(brief, *self._kept(answer, workspace.difference(before, workspace.read(folder))))
        text = dump(replace(told, asked=clean(brief.text)))
        path.parent.mkdir(parents=True, exist_ok=True)
        for other in path.parent.glob(f"{brief.role}-*.md"):
            if (number := _number(other)) and number > (brief.attempt, brief.turn):
                other.unlink()
        part = path.with_name(path.name + ".part")
        part.write_bytes(text.encode("utf-8", "replace"))
        part.replace(path)
        return answer

    def _kept(self, answer: AgentTurn, changed: tuple[Change, ...]) -> tuple[AgentTurn, tuple[Change, ...]]:
        """Without keys and passwords. Where a file held one, a replay is no longer what was answered, and a note says so."""
        clean = self.redaction.cleaner(os.environ)
        kept = redaction.changes(changed, clean)
        lost = [new.path for new, old in zip(kept, changed, strict=True) if new != old]
        notes = tuple(f"{path} held a key or password, which is left out of the recording" for path in lost)
        answer = redaction.turn(answer, clean)
        return replace(answer, notes=(*answer.notes, *notes)), kept

    def close(self) -> None:
        self.agent.close()


def difference(before: str, after: str) -> str:
    """What is different in a brief, in a few words: how many lines, and the first of them."""
    old, new = ([line.strip() for line in text.splitlines() if line.strip()] for text in (before, after))
    gone, come = ([line for line in lines if line not in {*other}] for lines, other in ((old, new), (new, old)))
    first = [*(f"“{_cut(line)}” is gone" for line in gone[:1]), *(f"“{_cut(line)}” is new" for line in come[:1])]
    return f"{len(gone)} line{'s' * (len(gone) != 1)} gone, {len(come)} new: {'; '.join(first)}" if first else "the same lines in another order"


def _cut(line: str) -> str:
    return line if len(line) <= 100 else f"{line[:99]}…"


def _number(path: Path) -> tuple[int, int] | None:
    found = re.fullmatch(r"[a-z]+-(\d+)\.(\d+)\.md", path.name)
    return (int(found[1]), int(found[2])) if found else None


def recorded_turn(brief: Brief, answer: AgentTurn, changes: tuple[Change, ...]) -> RecordedTurn:
    whose: dict[str, Any] = {key: getattr(brief, key) for key in ("prd", "task", "role", "attempt", "turn", "fingerprint")}
    return RecordedTurn(
        **whose,
        brief=brief_hash(brief),
        agent=answer.agent,
        kind=answer.kind,
        model=answer.model,
        recorded_at=time.strftime("%Y-%m-%d", time.gmtime()),
        seconds=round(answer.seconds, 1),
        stop=answer.stop,
        usage=answer.usage,
        notes=answer.notes,
        text=answer.text,
        changes=changes,
        way=brief.way,
        asked=brief.text,
    )
