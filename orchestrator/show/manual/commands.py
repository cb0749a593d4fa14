"""The commands as a page of the guide, from the parser that reads them. Pure."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

INTRODUCTION = """\
# Commands

<!-- Generated from orchestrator/cli.py by `make docs`; change the parser there. -->

Every command works in the working folder: the one you are in, or the one that `-C` names. `orchestrator COMMAND --help` says the same in a terminal.
"""


def page(parser: argparse.ArgumentParser) -> str:
    """docs/guide/commands.md."""
    found = list(_commands(parser))
    index = ["| Command | |", "|---|---|"]
    index += [f"| [`{command.prog}`](#{command.prog.replace(' ', '-')}) | {_cell(text)} |" for command, text in found]
    codes = parser.epilog or ""
    parts = [
        INTRODUCTION,
        "\n".join(index),
        "\n## Options of every command\n",
        _table(parser),
        "\n## Exit codes\n",
        f"```text\n{codes.strip()}\n```\n\n130 is a run that was stopped by Ctrl-C.\n",
        *(_one(command) for command, _ in found),
    ]
    return "\n".join(parts)


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """Every command that can be given, with its help in one line: `breakers` and `breakers reset`, but not `site`, which is nothing by itself."""
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        said = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, command in action.choices.items():
            if not any(isinstance(inner, argparse._SubParsersAction) and inner.required for inner in command._actions):
                yield command, said.get(name, "")
            yield from _commands(command)


def _one(command: argparse.ArgumentParser) -> str:
    parts = [f"## {command.prog}", f"\n{command.description}\n", f"```text\n{' '.join([command.prog, *_usage(command)])}\n```\n"]
    if command.epilog:
        parts.append(f"{command.epilog}\n")
    if rows := _table(command):
        parts.append(rows)
    return "\n".join(parts)


def _usage(command: argparse.ArgumentParser) -> Iterator[str]:
    """Options, then what is named without one, then a command."""
    actions = [action for action in command._actions if action.dest != "help"]
    for action in sorted(actions, key=lambda action: (isinstance(action, argparse._SubParsersAction), not action.option_strings)):
        if isinstance(action, argparse._SubParsersAction):
            yield "COMMAND" if action.required else "[COMMAND]"
        elif action.option_strings:
            yield f"[{' '.join([action.option_strings[0], *_value(action)])}]"
        else:
            yield from _value(action)


def _value(action: argparse.Action) -> list[str]:
    """What follows an option, or stands by itself: `NAME`, `[NAME ...]`, nothing for a flag."""
    if action.nargs == 0:
        return []
    name = action.metavar if isinstance(action.metavar, str) else "|".join(map(str, action.choices)) if action.choices else action.dest.upper()
    return [{"?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} [{name} ...]"}.get(str(action.nargs), name)]


def _table(command: argparse.ArgumentParser) -> str:
    """'' for a command without options."""
    rows = []
    for action in command._actions:
        if isinstance(action, (argparse._SubParsersAction, argparse._HelpAction)):
            continue
        named = ", ".join(f"`{option}`" for option in action.option_strings)
        value = "".join(f"`{word}`" for word in _value(action))
        rows.append(f"| {_cell(' '.join(part for part in (named, value) if part))} | {_cell(action.help or '')} |")
    return "\n".join(["| Option | |", "|---|---|", *rows, ""]) if rows else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
