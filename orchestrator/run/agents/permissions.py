"""What an agent that asks may do. The rules are few and refuse what would do harm outside of the task; the rest is allowed. Pure.

They are no wall: the sandbox is one, and trees are compared after every turn. They spare an agent work that is undone anyway, and say it early.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from typing import Any

from orchestrator.model import Change
from orchestrator.run.gates import writable as roots

WRITING = frozenset({"edit", "delete", "move"})
"""Kinds of tool calls that change the files they name."""

SECRETS = re.compile(
    r"(^|/)(\.ssh|\.aws|\.gnupg|\.kube|\.docker|\.netrc|\.git-credentials|\.npmrc|\.pypirc|\.credentials\.json|auth\.json|oauth_creds\.json|shadow"
    r"|id_(rsa|ed25519|ecdsa)[^/]*)(/|$)|/proc/[^/]*/environ"
)
SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "fish"})
PREFIXES = frozenset({"env", "nohup", "time", "nice", "timeout", "command", "exec", "xargs", "stdbuf", "setsid"})
"""Programs that run another."""

PROGRAMS: dict[str, str] = {
    **dict.fromkeys(("sudo", "su", "doas", "pkexec"), "it asks for more rights"),
    **dict.fromkeys(("kill", "pkill", "killall", "skill"), "it ends processes"),
    **dict.fromkeys(
        ("shutdown", "reboot", "halt", "poweroff", "mkfs", "mount", "umount", "dd", "systemctl"), "it is about the machine, not the task"
    ),
    **dict.fromkeys(("ssh", "scp", "sftp", "rsync", "nc", "ncat", "telnet"), "it reaches other machines"),
    **dict.fromkeys(("crontab", "at", "batch"), "it would run when the turn is over"),
}
GIT = {
    **dict.fromkeys(("push", "remote", "fetch", "pull", "clone"), "git reaches other repositories"),
    "config": "it changes git's configuration",
    "credential": "it reads credentials",
}
HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1([^\n]*)\n.*?(?:\n\s*\2\b|\Z)|<<-?\s*(['\"]?)\w+\4", re.DOTALL)
"""A text within a command is no command."""
FETCHERS = frozenset({"curl", "wget"})
RUNNERS = SHELLS | {"python", "python3", "node", "perl", "ruby"}


def refusal(tool: dict[str, Any], place: str, writable: tuple[str, ...]) -> str:
    """Why a tool call may not be done; '' when it may. `place`: the workspace's absolute path; `writable`: what the brief lets change."""
    given = tool.get("rawInput")
    values = given if isinstance(given, dict) else {}
    command = values.get("command", values.get("cmd", values.get("script")))
    if command is None and tool.get("kind") == "execute" and isinstance(tool.get("title"), str):
        command = tool["title"].strip().removeprefix("`").removesuffix("`")
    if isinstance(command, list):
        command = command[2] if len(command) == 3 and _name(str(command[0])) in SHELLS else shlex.join(map(str, command))
    if isinstance(command, str) and (reason := of_command(command, place, writable)):
        return reason
    paths = _paths(tool, values)
    for path in paths:
        if SECRETS.search(path):
            return "it reads credentials"
    if str(tool.get("kind")) in WRITING or any(isinstance(part, dict) and part.get("type") == "diff" for part in _list(tool.get("content"))):
        return next((reason for path in paths if (reason := of_path(path, place, writable))), "")
    return ""


def of_path(path: str, place: str, writable: tuple[str, ...]) -> str:
    """Why a file may not be changed."""
    whole = posixpath.normpath(posixpath.join(place, path))
    if whole == place or not whole.startswith(f"{place}/"):
        return "" if whole.startswith(("/tmp/", "/dev/null")) and not place.startswith("/tmp/") else "it lies outside of the workspace"
    inside = whole.removeprefix(f"{place}/")
    if any(inside == each or (each.endswith("/") and inside.startswith(each)) for each in writable):
        return ""
    if roots.is_test(inside):
        return "tests are not the agent's to change"
    _, findings = roots.sort((Change(inside, ""),), frozenset())
    return "configuration, CI and PRDs are not the agent's to change" if findings else ""


def of_command(command: str, place: str, writable: tuple[str, ...]) -> str:
    """Why a line for the shell may not be run."""
    command = HEREDOC.sub(r"\3", command.replace("\\\n", " "))
    if _fetches_and_runs(command):
        return "it runs what it has fetched"
    return next((reason for words in _simple(command) if (reason := _of_words(words, place, writable))), "")


def _of_words(words: list[str], place: str, writable: tuple[str, ...]) -> str:
    targets = [words[index + 1] for index, word in enumerate(words[:-1]) if re.fullmatch(r"&?>>?\|?", word)]
    for target in targets:
        if not target.startswith("/dev/") and (reason := of_path(target, place, writable)):
            return reason
    if any(SECRETS.search(word) for word in words):
        return "it reads credentials"
    while words and (words[0] in PREFIXES or re.fullmatch(r"\w+=.*", words[0]) or words[0] in ("{", "(", "then", "do", "!")):
        words = words[1:]
        while words and re.fullmatch(r"-\S*|\d+(\.\d+)?[smhd]?", words[0]):
            words = words[1:]
    if not words:
        return ""
    name, given = _name(words[0]), words[1:]
    plain = [word for word in given if not word.startswith("-") and word not in targets]
    if name in PROGRAMS:
        return PROGRAMS[name]
    if name in SHELLS and any(re.fullmatch(r"-\w*c", word) for word in given) and plain:
        return of_command(plain[0], place, writable)
    if name == "git":
        bare = [word for index, word in enumerate(given) if not word.startswith("-") and (not index or given[index - 1] not in ("-C", "-c"))]
        return GIT.get(bare[0], "") if bare else ""
    if name in ("printenv", "export", "set") and not given:
        return "it reads credentials"
    if name in ("rm", "rmdir", "unlink", "shred", "truncate", "tee", "chmod", "chown", "touch"):
        touched = plain if name not in ("chmod", "chown") else plain[1:]
        return next((reason for path in touched if (reason := _of_removal(name, path, place, writable))), "")
    if name in ("mv", "cp", "install", "ln") and len(plain) > 1:
        touched = [*(plain[:-1] if name == "mv" else []), plain[-1]]
        return next((reason for path in touched if (reason := of_path(path, place, writable))), "")
    if name in ("sed", "perl", "ruby") and any(re.match(r"-\w*i|--in-place", word) for word in given):
        return next((reason for path in plain if "." in path and (reason := of_path(path, place, writable))), "")
    if name in ("npm", "pip", "pip3", "uv", "apt", "apt-get", "brew", "cargo") and {"publish", "upload"} & {*plain}:
        return "it publishes"
    return ""


def _of_removal(name: str, path: str, place: str, writable: tuple[str, ...]) -> str:
    if path in (".", "./", "*", "./*", place, f"{place}/*") and name == "rm":
        return "it removes the whole workspace"
    if path.startswith(("~", "$")):
        return "it lies outside of the workspace"
    return of_path(path, place, writable)


def _fetches_and_runs(command: str) -> bool:
    fetch, run = "|".join(FETCHERS), "|".join(sorted(RUNNERS))
    piped = rf"\b({fetch})\b[^;&\n]*\|\s*(sudo\s+|env\s+)*(\S*/)?({run})\b"
    inner = rf"\b({run}|eval|source|\.)\s+(-c\s+)?[\"']?(<\(|\$\(|`)\s*({fetch})\b"
    return re.search(piped, command) is not None or re.search(inner, command) is not None


def _simple(command: str) -> list[list[str]]:
    """The words of each simple command of a line; redirections stand by themselves. What stands in `$(…)` is a command of its own."""
    reader = shlex.shlex(command, posix=True, punctuation_chars="();<>|&\n")
    reader.whitespace, reader.commenters, reader.whitespace_split = " \t\r", "", True
    found: list[list[str]] = [[]]
    try:
        words = list(reader)
    except ValueError:  # quotes that do not close
        words = re.split(r"([;&|\n()]+|\d?>>?)|\s+", command)
    for word in filter(None, words):
        if set(word) <= set("();|&\n") or (re.fullmatch(r"[()<>|&\n]+", word) and ">" not in word):
            found.append([])
        else:
            found[-1].append(word)
    for inner in re.findall(r"\$\(([^()]*)\)|`([^`]*)`", command):
        found += _simple(inner[0] or inner[1]) if (inner[0] or inner[1]) != command else []
    return found


def _name(word: str) -> str:
    return word.rpartition("/")[2]


def _paths(tool: dict[str, Any], values: dict[str, Any]) -> list[str]:
    found = [location.get("path") for location in _list(tool.get("locations")) if isinstance(location, dict)]
    found += [values.get(key) for key in ("file_path", "filePath", "path", "abs_path", "absolute_path", "notebook_path", "destination")]
    found += [part.get("path") for part in _list(tool.get("content")) if isinstance(part, dict)]
    changes = values.get("changes")
    found += [*changes] if isinstance(changes, dict) else []
    return list(dict.fromkeys(path for path in found if isinstance(path, str) and path))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
