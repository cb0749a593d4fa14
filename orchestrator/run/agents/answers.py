"""Whole files out of a model's answer.

Small models keep to no one form, so a file's name is looked for in the fence's info string, on the line before the fence, and in a
comment on the first line. A single Python fence with no name is the single file that was asked for. Everything that is not taken is
said in a note. Nothing here touches a disk: whether a path is safe is workspace.py's to say.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from orchestrator.model import Change

PYTHON = frozenset({"", "py", "python", "python3"})
PROSE = frozenset({"md", "markdown", "rst"})
NOT_FILES = frozenset({"bash", "sh", "shell", "console", "text", "txt", "output", "diff", "pycon", "doctest", "plaintext"})
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^`]*)$")
PATH = r"/?(?:[\w.@+-]+/)*[\w.@+-]*\w\.[A-Za-z]\w{0,9}"
LONGEST_LINE = 400
"""A longer line names no file. It also bounds the time these expressions take."""
COMMENT = re.compile(rf"^\s*(?:#|//|--|<!--|/\*)\s*(?:file(?:name)?\s*:\s*)?({PATH})\s*(?:-->|\*/)?\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Block:
    info: str
    before: str
    """The last line with text before the fence."""
    text: str
    closed: bool

    @property
    def language(self) -> str:
        first = self.info.split(maxsplit=1)[0].lower() if self.info else ""
        return re.split(r"[:={,]", first)[0]


def changes(answer: str, writable: tuple[str, ...], known: tuple[str, ...], *, cut: bool = False) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """The files of an answer, and notes on what was not taken.

    `writable`: paths or folders (ending in /) that were asked for. `known`: paths of the workspace. `cut`: the answer ended at its
    token limit, so that a fence left open holds half a file.
    """
    answer = re.sub(r"<think>.*?(</think>|\Z)", "", answer, flags=re.DOTALL)
    single = writable[0] if len(writable) == 1 and not writable[0].endswith("/") else ""
    found: dict[str, str] = {}
    unnamed: list[Block] = []
    notes: list[str] = []
    blocks = fences(answer)
    for block in blocks:
        path = _path(block, {*writable, *known})
        if not path:
            unnamed.append(block)
            continue
        if not block.closed and cut:
            notes.append(f"not written: {path!r} was cut off at max_tokens")
            continue
        text = _without_name(block.text, path)
        if not text.strip():
            notes.append(f"not written: the fence of {path!r} is empty")
            continue
        if path not in known and path not in writable:
            alike = [wanted for wanted in (*writable, *known) if wanted.rpartition("/")[2] == path]
            if len(alike) == 1:
                notes.append(f"{path!r} was taken as {alike[0]!r}")
                path = alike[0]
        if path in found:
            notes.append(f"{path!r} was answered more than once; the last one was taken")
        found[path] = text
    if single and single not in found:
        text, reason = _only(unnamed, single, cut) if blocks else _bare(answer, single)
        if text:
            found[single] = text
        elif reason and not found:
            notes.append(reason)
    return tuple(Change(path, text) for path, text in found.items()), tuple(notes)


def fences(answer: str) -> list[Block]:
    """The fenced blocks. Inside one, a fence with an info string opens a nested block, except when it names a file."""
    blocks: list[Block] = []
    before = ""
    opened: re.Match[str] | None = None
    inner: list[str] = []
    depth = 0

    def close(closed: bool) -> None:
        assert opened is not None
        blocks.append(Block(opened[2].strip(), before, "".join(f"{line}\n" for line in inner), closed))

    for line in answer.replace("\r\n", "\n").split("\n"):
        fence = FENCE.match(line) if len(line) <= LONGEST_LINE else None
        if opened is None:
            if fence:
                opened, inner, depth = fence, [], 0
            elif line.strip():
                before = line.strip()[:LONGEST_LINE]
            continue
        same = fence is not None and fence[1][0] == opened[1][0] and len(fence[1]) >= len(opened[1])
        if fence is not None and same and fence[2].strip():
            if re.search(PATH, fence[2]):
                close(closed=False)
                opened, inner, depth, before = fence, [], 0, ""
                continue
            depth += 1
        elif same and depth:
            depth -= 1
        elif same:
            close(closed=True)
            opened, before = None, ""
            continue
        inner.append(line)
    if opened is not None:
        while inner and not inner[-1].strip():
            inner.pop()
        close(closed=False)
    return blocks


def _path(block: Block, names: set[str]) -> str:
    """The file a block is, '' when nothing says so."""
    for word in re.split(r"[\s=:,{}\"'()]+", block.info):
        if word in names or (re.fullmatch(rf"(?:\.\.?/)*{PATH}", word) and word.lower() not in PYTHON):
            return word.removeprefix("./")
    if block.language in NOT_FILES:
        return ""
    line = re.sub(r"^[\s#>*\d.)-]*|[\s*:]*$", "", block.before)
    line = re.sub(r"^(?:the |updated? |new |complete )*(?:file|filename|path)\b[\s:*]*", "", line, flags=re.IGNORECASE).strip("`*\"' :")
    if line in names or re.fullmatch(rf"(?:\.\.?/)*{PATH}", line):
        return line.removeprefix("./")
    top = block.text.split("\n", 1)[0]
    first = COMMENT.match(top) if len(top) <= LONGEST_LINE else None
    if first:
        return first[1].removeprefix("./")
    if top.strip() in names:
        return top.strip()
    mentioned = {word for word in re.findall(r"`([^`\s]+)`", block.before) if word in names}
    return mentioned.pop() if len(mentioned) == 1 and block.language in PYTHON | PROSE else ""


def _without_name(text: str, path: str) -> str:
    """A file's text without a first line that is its bare path, which is no Python."""
    top, _, rest = text.partition("\n")
    return rest.lstrip("\n") if top.strip() == path else text


def _only(unnamed: list[Block], path: str, cut: bool) -> tuple[str, str]:
    """(text, '') when exactly one block can be the file that was asked for, else ('', why not)."""
    fitting = [block for block in unnamed if block.language in PYTHON and not block.text.lstrip().startswith(">>>") and block.text.strip()]
    if not path.endswith(".py"):
        fitting = [block for block in unnamed if block.language not in NOT_FILES]
    if len(fitting) > 1:
        fitting = [block for block in fitting if _defines(block.text)] or fitting
    if len(fitting) != 1:
        many = "several fences have" if fitting else "no fence has"
        return "", f"{many} no file name and could be {path!r}" if fitting else f"no fence of the answer is {path!r}"
    if cut and not fitting[0].closed:
        return "", f"not written: {path!r} was cut off at max_tokens"
    return fitting[0].text, ""


def _bare(answer: str, path: str) -> tuple[str, str]:
    """An answer without any fence that is a Python module as it stands."""
    if path.endswith(".py") and _defines(answer):
        return answer.strip() + "\n", ""
    return "", f"the answer holds no fence; {path!r} was not written"


def _defines(text: str) -> bool:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign) for node in body)
