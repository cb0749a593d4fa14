"""Task → Brief: what an agent is told, in words. The templates are in briefs/; the text of a PRD is data in them, never a template.

A brief never holds a held-out example. A held-out example is left out whole: its call, its answer, its set-up and its input files.
"""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.model import Brief, Change, Criterion, Example, Finding, PersonsTest, Prd, Requirement, Role, Step, Task, Way
from orchestrator.plan import held_out
from orchestrator.run.agents import ContextTooLong
from orchestrator.run.people import LONGEST

if TYPE_CHECKING:
    import jinja2

FOLDER = Path(__file__).with_name("briefs")
LINE_END = "\0"
"""Stands for a line end of the data while the templates' own empty lines are put in order."""
CONTEXT_CHARACTERS = 6000
CHARACTERS_A_TOKEN = 3.5
"""About; what a budget in tokens is counted with."""
FINDINGS = 8
FINDING_CHARACTERS = 1500
REPEATED = "the same answer as in attempt"
"""Begins the finding about an answer that was given before."""
PEOPLE_CHARACTERS = 6000
"""Of the texts of people's tests, all together."""


def render(
    task: Task,
    prd: Prd,
    attempt: int,
    turn: int,
    role: Role,
    findings: tuple[Finding, ...],
    files: tuple[Change, ...],
    writable: tuple[str, ...],
    revealed: frozenset[str] = frozenset(),
    repeats: int = 0,
    fresh: bool = False,
    step: Step = "write_code",
    asks: tuple[str, ...] = (),
    template: str = "",
    people: tuple[PersonsTest, ...] = (),
    way: Way = "whole",
    heat: int = 0,
    only: tuple[str, ...] = (),
    unit: str = "",
) -> Brief:
    """The brief of one turn. `findings` are those of the last attempt; `revealed` are ids of held-out examples that became visible.
    `asks`: what the step is about, one line each: the criteria that need a test, what asks for tidying up, what no test noticed.
    `fresh`: another way is asked for, not a mended answer. `template`: its name in briefs/, that of the role when left out.
    `people`: tests of the repository that name a criterion and must pass.
    `way`: how a candidate is asked for; `heat` goes with it. `only`: ids of the criteria that the brief is about, all when left out.
    `unit`: the one function or class that is to be written now.

    Raises ValueError for a role that has no template.
    """
    path = f"{template or role}.md.j2"
    if not (FOLDER / path).exists():
        raise ValueError(f"no brief is written for the role {role!r}")
    context = "" if way == "failure" else _context(prd.context)
    requirements = _about(task.requirements, only)
    hidden = tuple(example for example in task.examples if example.held_out and example.id not in revealed)
    shown = {criterion.id: [held_out.shown(item, hidden) for item in _visible(criterion, revealed)] for criterion in task.criteria}
    visible = [example for examples in shown.values() for example in examples]
    rules = {criterion.id: criterion.text for criterion in task.criteria}
    text = _template(path).render(
        task=task,
        prd=prd,
        context=context,
        attempt=attempt,
        repeated=any(finding.gate == "no progress" and finding.message.startswith(REPEATED) for finding in findings),
        fresh=fresh,
        requirements=requirements,
        way=way,
        unit=unit,
        examples={identity: blocks(tuple(examples)) for identity, examples in shown.items()},
        hidden=len(task.examples) - len(visible),
        names=[(path, (unit,)) for path, names in provided(visible, task.files) if unit in names] if unit else provided(visible, task.files),
        programs=programs(visible, task.files),
        writable=writable,
        asks=asks,
        people=_people(people),
        findings=[_shortened(finding, rules) for finding in sorted(findings, key=lambda finding: finding.severity)][:FINDINGS],
        unsaid=max(0, len(findings) - FINDINGS),
    )
    text = _tidy(text)
    return Brief(prd.id, task.id, role, attempt, turn, task.fingerprint, text, files, writable, repeats, context, step, way, heat)


def written(template: str, **data: object) -> str:
    """A text from a template in briefs/, its empty lines put in order."""
    return _tidy(_template(template).render(**data))


def context_of(prd: Prd) -> str:
    """The prose around the requirements, as long as there is room for it."""
    return _context(prd.context)


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip().replace(LINE_END, "\n") + "\n"


def _about(requirements: tuple[Requirement, ...], only: tuple[str, ...]) -> tuple[Requirement, ...]:
    """The requirements with those of their criteria that a brief is about; one without any of them is left out."""
    if not only:
        return requirements
    kept = (replace(item, criteria=tuple(each for each in item.criteria if each.id in only)) for item in requirements)
    return tuple(item for item in kept if item.criteria)


def _visible(criterion: Criterion, revealed: frozenset[str]) -> list[Example]:
    return [example for example in criterion.examples if not example.held_out or example.id in revealed]


def _context(text: str) -> str:
    """The PRD's prose, without footnote links, cut at the end of a paragraph."""
    kept = "\n".join(line.rstrip() for line in text.splitlines() if not re.match(r"\s*\[[^\]]+\]:\s*\S+$", line))
    kept = re.sub(r"\n{3,}", "\n\n", kept).strip()
    return shorten(kept, CONTEXT_CHARACTERS)


def shorten(text: str, room: int) -> str:
    """At most about `room` characters, whole paragraphs, and a line that says how much is missing."""
    if len(text) <= room:
        return text
    kept = text[:room]
    kept = (kept.rpartition("\n\n")[0] or kept.rpartition("\n")[0]).rstrip()
    return f"{kept}\n\n[… {len(text) - len(kept):,} characters of background left out]".lstrip()


def _people(tests: tuple[PersonsTest, ...]) -> list[dict[str, str]]:
    """The tests with their text, as long as there is room for it."""
    room = PEOPLE_CHARACTERS
    found: dict[str, dict[str, str]] = {}
    for test in tests:
        if test.test in found:
            found[test.test]["keys"] += f", {test.criterion}"
            continue
        text = test.text if len(test.text) <= min(room, LONGEST) else ""
        room -= len(text)
        found[test.test] = {"test": test.test, "keys": test.criterion, "where": test.where, "text": fenced(text, "python") if text else ""}
    return [*found.values()]


def _shortened(finding: Finding, rules: dict[str, str]) -> dict[str, str]:
    key = finding.criterion.rpartition(".")[2]
    message = finding.message.strip()
    if len(message) > FINDING_CHARACTERS:
        message = f"{message[:FINDING_CHARACTERS]}\n[… cut]"
    rule = " ".join(rules.get(finding.criterion, "").split())[:200]
    return {"gate": finding.gate, "key": key, "rule": rule, "where": finding.where, "message": message}


def programs(examples: list[Example], files: tuple[str, ...]) -> list[tuple[str, str]]:
    """(file, command) for the task's own files that an example runs as a program."""
    found = {}
    for example in examples:
        for path in files:
            module = path.removeprefix("src/").removesuffix(".py").removesuffix("/__main__").replace("/", ".")
            script = rf"(?<!\S)(\./)?({re.escape(path)}|{re.escape(path.removeprefix('src/'))})"
            if example.compare == "console" and (match := re.search(rf"(-m\s+{re.escape(module)}|{script})(?!\S)", example.call)):
                found[path] = f"python -m {module}" if match[1].startswith("-m") else f"python {match[1]}"
    return list(found.items())


def provided(examples: list[Example], files: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
    """(file, names) the visible examples import from the task's own files, in order."""
    modules = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in files if path.endswith(".py")}
    modules |= {module.removeprefix("src."): path for module, path in modules.items()}
    found: dict[str, dict[str, None]] = {}
    for example in examples:
        if example.compare == "console":
            continue
        for statement in (*example.setup, example.call):
            for module, name in _imports(statement):
                if module in modules:
                    found.setdefault(modules[module], {})[name] = None
    return [(path, tuple(names)) for path, names in found.items()]


def _imports(statement: str) -> list[tuple[str, str]]:
    try:
        body = ast.parse(statement).body
    except (SyntaxError, ValueError):
        return []
    return [(node.module, alias.name) for node in body if isinstance(node, ast.ImportFrom) and node.module for alias in node.names]


# --- examples back into the words of a PRD ---------------------------------------------------------------------------


def blocks(examples: tuple[Example, ...]) -> list[str]:
    """Fenced blocks: input files, doctest sessions, console sessions.

    Examples share a session when the later one's set-up goes on from what the session ran, or when both need imports only.
    """
    parts: list[tuple[str, str]] = []
    session: list[str] | None = None
    plain = True
    named: set[tuple[str, str]] = set()
    for example in examples:
        for file in example.files:
            if (file.name, file.text) not in named:
                named.add((file.name, file.text))
                parts.append((f"{Path(file.name).suffix.lstrip('.') or 'text'} {file.name}", file.text))
                session = None
        if example.compare == "console":
            parts.append(("console", _console(example)))
            session = None
            continue
        setup = list(example.setup)
        imports = all(statement.startswith(("import ", "from ")) for statement in setup)
        if session is not None and setup[: len(session)] == session:
            fresh = setup[len(session) :]
        elif session is not None and plain and imports:
            fresh = [statement for statement in setup if statement not in session]
        else:
            session, plain, fresh = None, True, setup
        if session is None:
            session = []
            parts.append(("python", _doctest(fresh, example)))
        else:
            parts[-1] = ("python", parts[-1][1] + _doctest(fresh, example))
        plain = plain and imports
        session = [*session, *fresh, example.call]
    return [fenced(text, info) for info, text in parts]


def session(example: Example) -> str:
    """One example by itself, as a session of Python or of a shell."""
    return _console(example) if example.compare == "console" else _doctest(list(example.setup), example)


def _doctest(setup: list[str], example: Example) -> str:
    lines = [_prompted(statement) for statement in setup]
    call = example.call
    if example.ellipsis and example.compare == "text":
        call += "  # doctest: +ELLIPSIS"
    lines.append(_prompted(call))
    if example.compare == "raises":
        message = f": {example.expected}" if example.expected else ""
        lines += ["Traceback (most recent call last):", f"{example.raises}{message}"]
    elif example.compare == "approx":
        lines.append(f"≈ {example.expected.lstrip('≈ ')}")
    elif example.compare == "text":
        lines += [line or "<BLANKLINE>" for line in example.expected.removesuffix("\n").split("\n")] if example.expected else []
    elif example.expected.strip() == "None":
        lines.append("# gives None")
    else:
        lines.append(example.expected)
    return "\n".join(lines) + "\n"


def _prompted(statement: str) -> str:
    first, *rest = statement.rstrip("\n").split("\n")
    return "\n".join([f">>> {first}", *(f"... {line}".rstrip() for line in rest)])


def _console(example: Example) -> str:
    lines = [f"$ {command}" for command in example.setup]
    lines.append(f"$ {example.call}" + (" << END" if example.stdin else ""))
    if example.stdin:
        lines += [*example.stdin.removesuffix("\n").split("\n"), "END"]
    if example.expected:
        lines += example.expected.removesuffix("\n").split("\n")
    if example.exit_code:
        lines.append(f"(exit {example.exit_code})")
    return "\n".join(lines) + "\n"


def fenced(text: str, info: str = "") -> str:
    """The text in a fence that is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{info}\n{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{fence}"


# --- the prompt of an agent that cannot look for itself --------------------------------------------------------------


def chat_prompt(brief: Brief, room: int) -> tuple[str, str, tuple[str, ...]]:
    """(system, user, notes on what was cut) in at most `room` characters.

    Background goes first, then files that are only to be read. Raises ContextTooLong when the rest is still too long.
    """
    system = _template("chat_system.md.j2").render(way=brief.way).strip()
    files = _readable_order(brief)
    text = brief.text
    user = _user(brief, text, files)
    notes: list[str] = []
    over = len(system) + len(user) - room
    if over > 0 and brief.context:
        shorter = shorten(brief.context, max(0, len(brief.context) - over - 80))
        notes.append(f"cut to fit the context window: {len(brief.context) - len(shorter):,} characters of background")
        text = text.replace(brief.context, shorter, 1)
        user = _user(brief, text, files)
    while len(system) + len(user) > room and files and not _is_writable(files[-1].path, brief.writable):
        dropped = files.pop()
        notes.append(f"cut to fit the context window: the file {dropped.path}")
        text += f"\n[The file {dropped.path} is not shown.]\n"
        user = _user(brief, text, files)
    if len(system) + len(user) > room:
        raise ContextTooLong(
            f"{brief.task}: the brief needs {len(system) + len(user):,} characters, the model has room for {room:,}",
            hint="raise `context_tokens` of the agent if its model can do more, lower `max_tokens`, or split the requirement",
        )
    return system, user, tuple(notes)


def fitted(brief: Brief, tokens: int | None) -> tuple[Brief, tuple[str, ...]]:
    """(the brief in at most so many tokens, notes on what was cut), for an agent that reads files itself. Background goes first.

    Raises ContextTooLong when the rest is still too long.
    """
    text, room = brief.text, int((tokens or 0) * CHARACTERS_A_TOKEN)
    if not tokens or len(text) <= room:
        return brief, ()
    shorter = shorten(brief.context, max(0, room - (len(text) - len(brief.context)) - 80)) if brief.context else ""
    text = text.replace(brief.context, shorter, 1) if brief.context else text
    if len(text) > room:
        raise ContextTooLong(
            f"{brief.task}: the brief needs {len(text):,} characters, `brief_tokens` leaves {room:,}",
            hint="raise `brief_tokens`, or split the requirement",
        )
    return replace(brief, text=text, context=shorter), (f"cut to fit `brief_tokens`: {len(brief.context) - len(shorter):,} characters of background",)


def _readable_order(brief: Brief) -> list[Change]:
    """Files to be changed first."""
    shown = [file for file in brief.files if file.text is not None]
    return sorted(shown, key=lambda file: not _is_writable(file.path, brief.writable))


def _is_writable(path: str, writable: tuple[str, ...]) -> bool:
    return any(path == wanted or (wanted.endswith("/") and path.startswith(wanted)) for wanted in writable)


def _user(brief: Brief, text: str, files: list[Change]) -> str:
    shown = [(file.path, fenced(file.text or "", Path(file.path).suffix.lstrip("."))) for file in files if (file.text or "").strip()]
    return (
        _template("chat_user.md.j2").render(text=text.strip(), files=shown, writable=brief.writable, way=brief.way).replace(LINE_END, "\n").strip()
        + "\n"
    )


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=False,  # plain text for a model, never HTML
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: value.replace(LINE_END, "").replace("\n", LINE_END) if isinstance(value, str) else value,
    )


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)
