"""A console fence → examples: each `$ command`, its standard input, what it prints, and its exit code."""

from __future__ import annotations

import re
import shlex

from orchestrator.inbox.doctests import MAX_STATEMENTS, Answer, Found, Remark, too_long

LANGUAGES = frozenset({"console", "shell-session", "shellsession"})
_EXIT = re.compile(r"\(exit(?: code| status)?:? (\d{1,3})\)")
_WORD = re.compile(r"<<-?\s*(?P<quote>['\"]?)(?P<word>[A-Za-z_]\w*)(?P=quote)")
_TEXT = re.compile(r"<<<?\s*(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<plain>[^\s'\"<>|;&]+))")


def has_command(text: str) -> bool:
    return re.search(r"^\$ ", text, re.MULTILINE) is not None


def read(text: str, line: int) -> tuple[list[Found], list[Remark]]:
    """The examples of a fence whose content begins on `line`."""
    examples: list[Found] = []
    remarks: list[Remark] = []
    setup: list[str] = []
    lines = [each.rstrip() for each in text.split("\n")]
    if sum(each.startswith("$ ") for each in lines) > MAX_STATEMENTS:
        return [], [too_long(line)]
    position = next((number for number, each in enumerate(lines) if each.startswith("$ ")), len(lines))
    if any(each and not each.startswith("#") for each in lines[:position]):
        hint = "a command stands on a line that begins with `$ `"
        remarks.append(Remark(line, "text-before-command", "not read: text before the first command", hint, error=False))
    while position < len(lines):
        at = line + position
        command, position = _command(lines, position)
        command, stdin, position, wrong = _input(command, lines, position)
        output: list[str] = []
        while position < len(lines) and not lines[position].startswith("$ "):
            output.append(lines[position])
            position += 1
        wrong = wrong or _unreadable(command)
        if wrong:
            remarks.append(Remark(at, "bad-example", wrong))
            continue
        while output and not output[-1]:
            output.pop()
        ended = _EXIT.fullmatch(output[-1]) if output else None
        if ended:
            output.pop()
        while output and not output[-1]:
            output.pop()
        answer = Answer("console", "\n".join(output))
        examples.append(Found(tuple(setup), command, answer, at, stdin=stdin, exit_code=int(ended[1]) if ended else 0))
        setup.append(_with_input(command, stdin))
    return examples, remarks


def _command(lines: list[str], position: int) -> tuple[str, int]:
    command = lines[position][2:].strip()
    while command.endswith("\\") and position + 1 < len(lines):
        position += 1
        command = command[:-1].rstrip() + " " + lines[position].removeprefix("> ").strip()
    return command, position + 1


def _unreadable(command: str) -> str:
    try:
        return "" if shlex.split(command) else "a command is missing after `$`"
    except ValueError as error:
        return f"`{command}` is not a command: {str(error).lower()}"


def _input(command: str, lines: list[str], position: int) -> tuple[str, str, int, str]:
    """The command without its redirection, standard input, the line after it, and what is wrong."""
    start = _redirection(command)
    if start is None:
        return command, "", position, ""
    word = _WORD.match(command, start)
    if word:
        end = next((number for number in range(position, len(lines)) if lines[number].strip() == word["word"]), None)
        if end is not None and not any(each.startswith("$ ") for each in lines[position:end]):
            rest = command[:start].rstrip() + " " + command[word.end() :].strip()
            return rest.strip(), "".join(each + "\n" for each in lines[position:end]), end + 1, ""
        if not word["quote"]:
            return command, "", position, f"standard input never ends: no line `{word['word']}` follows"
    text = _TEXT.match(command, start)
    if not text:
        return command, "", position, "`<<` wants a word, or a text in quotes"
    given = next(group for group in (text["single"], text["double"], text["plain"]) if group is not None)
    rest = command[:start].rstrip() + " " + command[text.end() :].strip()
    return rest.strip(), given + "\n", position, ""


def _redirection(command: str) -> int | None:
    quote = ""
    for place, character in enumerate(command):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif command.startswith("<<", place):
            return place
    return None


def _with_input(command: str, stdin: str) -> str:
    if not stdin:
        return command
    word = "END"
    while f"{word}\n" in stdin:
        word += "_"
    return f"{command} <<'{word}'\n{stdin}{word}"
