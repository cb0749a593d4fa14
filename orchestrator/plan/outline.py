"""The outline decomposer: what the PRD says and what was added to it, one task per requirement unless that was taken apart. Pure; asks nobody.

Dependencies that are stated are kept. One requirement whose examples use a name that another one introduces depends on it softly; a cycle
of soft dependencies merges the tasks, since neither can be proved without the other. The tasks of a requirement that was taken apart are called
`loans#R2`, `loans#R2/2`, …; each of its criteria belongs to exactly one of them.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

from orchestrator.inbox import contradictions
from orchestrator.inbox.contradictions import Contradiction
from orchestrator.model import Example, Plan, Prd, Problem, Question, Requirement, Task
from orchestrator.plan import complexity, graph, held_out, phases, rules, saved
from orchestrator.plan.rules import Atomic
from orchestrator.plan.saved import Part, PlannedRequirement

NAME = "outline"
DEFAULT = Atomic()

_WORD = re.compile(r"\w+")


def plan_of(prd: Prd, held_out: float, entries: Mapping[str, PlannedRequirement] | None = None, atomic: Atomic = DEFAULT) -> Plan:
    """The plan with the share of examples held out that is configured, or the PRD's own where that is larger."""
    return decompose(prd, max(held_out, prd.gates.held_out or 0.0), entries, atomic)


def decompose(prd: Prd, held_out_share: float, entries: Mapping[str, PlannedRequirement] | None = None, atomic: Atomic = DEFAULT) -> Plan:
    """The plan of a PRD with what was added to it (`valid` ones of a plan file). Raises graph.CycleError only for stated cycles, which the inbox has
    refused before."""
    entries = entries or {}
    prd = saved.applied(prd, entries)
    chosen = [requirement for requirement in prd.requirements if _is_work(requirement)]
    keys = {requirement.key: requirement for requirement in chosen}
    stated = {key: [name for name in requirement.depends_on if name in keys] for key, requirement in keys.items()}
    soft = _soft_dependencies(chosen)
    both = {key: list(dict.fromkeys([*stated[key], *soft[key]])) for key in keys}
    groups = graph.components(both)
    leader = {key: group[0] for group in groups for key in group}
    edges = {group[0]: list(dict.fromkeys(leader[d] for key in group for d in both[key] if leader[d] != group[0])) for group in groups}
    members = {group[0]: tuple(keys[key] for key in group) for group in groups}
    conflicts = contradictions.find(prd)
    made: dict[str, tuple[Task, ...]] = {}
    exports: dict[str, tuple[str, ...]] = {}
    for key in graph.ordered({key: edges[key] for key in phases.by_phase(members)}):
        before = tuple(task.id for name in edges[key] for task in made[name])
        asked = [question for each in members[key] if each.key in entries for question in saved.questions(each, entries[each.key])]
        parts = _parts(members[key], entries, atomic)
        if parts:
            made[key] = _tasks(prd, members[key][0], parts, before, held_out_share, conflicts, asked)
        else:
            made[key] = (_task(prd, members[key], before, held_out_share, conflicts, asked, entries),)
        for task, part in zip(made[key], parts or _whole(members[key], entries), strict=True):
            exports[task.id] = part.exports
    tasks = phases.lifted(rules.verify_only(_apart_files([task for group in made.values() for task in group]), exports))
    if missing := graph.dangling({task.id: task.depends_on for task in tasks}):
        raise ValueError(f"{prd.path}: {missing[0][0]} depends on {missing[0][1]}, which is not in the plan")
    by = tuple(dict.fromkeys(entry.by for entry in entries.values() if entry.by))
    uncovered = tuple(requirement.id for requirement in prd.requirements if requirement.key not in keys)
    return Plan(prd.id, prd.fingerprint, " + ".join((NAME, *by)), tasks, _notes(prd, tasks, entries, exports, atomic), uncovered)


def valid(prd: Prd, entries: Mapping[str, PlannedRequirement]) -> dict[str, PlannedRequirement]:
    """The additions that belong to requirements as they are worded now and may be made."""
    by_key = {requirement.key: requirement for requirement in prd.requirements}
    found = {
        key: entry
        for key, entry in entries.items()
        if key in by_key and entry.fingerprint == fingerprint([by_key[key]]) and not saved.problems(prd, by_key[key], entry)
    }
    while bad := [key for key in saved.circle(prd, found) if key in found and found[key].depends_on]:
        found[bad[0]] = found[bad[0]].model_copy(update={"depends_on": ()})
    return found


def _is_work(requirement: Requirement) -> bool:
    """A non-functional requirement without an executable example is shown as unproved, not worked on."""
    return requirement.type != "non-functional" or any(criterion.examples for criterion in requirement.criteria)


def _parts(requirements: tuple[Requirement, ...], entries: Mapping[str, PlannedRequirement], atomic: Atomic) -> tuple[Part, ...]:
    """The tasks of a requirement that is taken apart, by what was added or by how many components it has; empty where it stays one task."""
    if len(requirements) > 1:
        return ()
    [requirement] = requirements
    if requirement.key in entries and (parts := saved.parts(requirement, entries[requirement.key])):
        return parts
    stretches = rules.apart(requirement, atomic)
    if len(stretches) < 2:
        return ()
    names = [sorted({name.rpartition(".")[2] for c in requirement.criteria if c.key in keys for name in rules.used(c)}) for keys in stretches]
    return tuple(
        Part(f"{requirement.title}: {', '.join(named[:4])}", keys, requirement.module, (number - 1,) if number else (), exports=tuple(named))
        for number, (keys, named) in enumerate(zip(stretches, names, strict=True))
    )


def _whole(requirements: tuple[Requirement, ...], entries: Mapping[str, PlannedRequirement]) -> tuple[Part, ...]:
    found = [task for each in requirements if each.key in entries for task in entries[each.key].tasks[:1]]
    return (Part("", (), exports=tuple(name for task in found for name in task.exports)),)


def _tasks(
    prd: Prd,
    requirement: Requirement,
    parts: tuple[Part, ...],
    before: tuple[str, ...],
    share: float,
    conflicts: tuple[Contradiction, ...],
    asked: list[Question],
) -> tuple[Task, ...]:
    """A requirement taken apart: tasks in an order that respects what they depend on. The first keeps the requirement's id."""
    order = [int(name) for name in graph.ordered({str(number): [str(other) for other in part.depends_on] for number, part in enumerate(parts)})]
    names = {number: f"{requirement.id}/{place}" if place > 1 else requirement.id for place, number in enumerate(order, 1)}
    found = []
    for number in order:
        part = parts[number]
        mine = replace(
            requirement,
            criteria=tuple(criterion for criterion in requirement.criteria if criterion.key in part.criteria),
            module=part.module or requirement.module,
        )
        depends_on = (*before, *(names[other] for other in part.depends_on))
        task = _task(prd, (mine,), depends_on, share, conflicts, asked, {})
        tail = names[number].partition("/")[2]
        found.append(
            replace(
                task,
                id=names[number],
                goal=part.title,
                test_file=task.test_file.removesuffix(".py") + (f"_{tail}.py" if tail else ".py"),
                complexity=part.complexity or task.complexity,
                hints=part.hints,
                inferred=part.inferred or task.inferred,
            )
        )
    return tuple(found)


def _task(
    prd: Prd,
    requirements: tuple[Requirement, ...],
    depends_on: tuple[str, ...],
    share: float,
    conflicts: tuple[Contradiction, ...],
    asked: list[Question],
    entries: Mapping[str, PlannedRequirement],
) -> Task:
    first = requirements[0]
    examples = tuple(example for requirement in requirements for criterion in requirement.criteria for example in criterion.examples)
    hidden = held_out.choose(examples, share)
    marked = tuple(_mark(requirement, hidden) for requirement in requirements)
    files = dict.fromkeys(path for requirement in requirements for path in (requirement.module, *_modules(requirement, prd.dependencies)) if path)
    components = {name for requirement in requirements for criterion in requirement.criteria for name in rules.used(criterion)}
    said = [task for each in requirements if each.key in entries for task in entries[each.key].tasks[:1]]
    return Task(
        id=first.id,
        prd=prd.id,
        requirements=marked,
        goal=" and ".join(requirement.title for requirement in requirements),
        files=tuple(files),
        test_file=f"tests/test_{slug(prd.id)}_{slug(first.key)}.py",
        depends_on=tuple(dict.fromkeys(depends_on)),
        fingerprint=fingerprint(requirements),
        question=_question(requirements, tuple(files), conflicts, asked),
        complexity=next((task.complexity for task in said if task.complexity), "") or complexity.of(requirements, len(components)),
        inferred=any(requirement.inferred or requirement.added for requirement in requirements),
        hints="\n\n".join(task.hints for task in said if task.hints),
        phase=max((requirement.phase for requirement in requirements if requirement.phase is not None), default=None),
    )


def _apart_files(tasks: list[Task]) -> list[Task]:
    """No two tasks have the same test file: `R1.2` and the second task of `R1` would."""
    found: list[Task] = []
    taken: set[str] = set()
    for task in tasks:
        if task.test_file in taken:
            mark = hashlib.sha256(task.id.encode()).hexdigest()[:6]
            task = replace(task, test_file=f"{task.test_file.removesuffix('.py')}_{mark}.py")
        taken.add(task.test_file)
        found.append(task)
    return found


def _notes(
    prd: Prd, tasks: tuple[Task, ...], entries: Mapping[str, PlannedRequirement], exports: Mapping[str, tuple[str, ...]], atomic: Atomic
) -> tuple[Problem, ...]:
    """What a person should know about the plan: what could not be planned, and what is odd about its tasks."""
    lines = {requirement.key: requirement.line for requirement in prd.requirements}
    found = [
        Problem(prd.path, lines[key], "not-planned", f"{key}: {text}", "edit the PRD, or `orchestrator plan --edit`", "note")
        for key, entry in entries.items()
        for text in entry.notes
    ]
    by_id = {task.id: task for task in tasks}
    found += [
        Problem(prd.path, by_id[name].requirements[0].line, f"plan-{code}", f"{name}: {text}", "", "note")
        for name, code, text in rules.remarks(prd, tasks, exports, atomic)
    ]
    return tuple(found)


def slug(text: str) -> str:
    """A name that is safe in a Python identifier and a file name."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _mark(requirement: Requirement, hidden: frozenset[str]) -> Requirement:
    criteria = tuple(
        replace(criterion, examples=tuple(replace(example, held_out=example.id in hidden) for example in criterion.examples))
        for criterion in requirement.criteria
    )
    return replace(requirement, criteria=criteria)


def fingerprint(requirements: Iterable[Requirement]) -> str:
    """Hash of what a task is derived from. Lines and the layout of prose do not count; every character of an example does."""
    return hashlib.sha256(json.dumps([_essence(asdict(requirement)) for requirement in requirements], sort_keys=True).encode()).hexdigest()


def _essence(value: object) -> object:
    if isinstance(value, dict):
        found = {key: _essence(item) for key, item in value.items() if key not in ("line", "held_out", "priority", "phase", "added", "answers")}
        if not found.get("unclear", True):
            del found["unclear"]  # as before there was such a field
        if "key" in value:  # a requirement or a criterion: prose
            found |= {key: prose(value[key]) for key in ("title", "text") if key in value}
        return found
    if isinstance(value, (list, tuple)):
        return [_essence(item) for item in value]
    return value


def prose(text: str) -> str:
    """A prose text as it counts: on one line where it is a paragraph."""
    text = "" if is_place(text) else text
    return text if "\n" in text else " ".join(text.split())


def is_place(text: str) -> bool:
    """A criterion that the PRD did not write, named by where its example stands: `example at line 12`."""
    return re.fullmatch(r"example at line \d+", text) is not None


# --- names -----------------------------------------------------------------------------------------------------------


def imported(example: Example) -> tuple[tuple[str, str], ...]:
    """(module path, name) pairs that an example takes from the project; name '' for a module as a whole. Console: `python -m a.b`."""
    if example.compare == "console":
        return tuple((path, "") for command in (*example.setup, example.call) if (path := _console_module(command)))
    sources = (*example.setup, example.call)
    return imported_by(sources, starred(example) if any("*" in source for source in sources) else ())


def imported_by(sources: Iterable[str], stars: Iterable[str] = ()) -> tuple[tuple[str, str], ...]:
    """(module path, name) pairs that Python sources import from the project; `stars`: what stands for a `*`."""
    found: list[tuple[str, str]] = []
    for source in sources:
        if "import" not in source:
            continue
        try:
            tree = ast.parse(source.strip())
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level and _is_ours(node.module):
                names = list(stars) if node.names[0].name == "*" else [alias.name for alias in node.names]
                found += [(module_path(node.module), name) for name in names or [""]]
            elif isinstance(node, ast.Import):
                found += [(module_path(alias.name), "") for alias in node.names if _is_ours(alias.name)]
    return tuple(dict.fromkeys(found))


def starred(example: Example) -> list[str]:
    """Names that an example must get from its `from module import *`: those it uses and nothing else in it binds."""
    used: list[str] = []
    bound = set(dir(builtins))
    for source in (*example.setup, example.call):
        try:
            tree = ast.parse(source.strip())
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                if isinstance(node.ctx, ast.Load):
                    used.append(node.id)
                else:
                    bound.add(node.id)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                bound.add(node.name)
            elif isinstance(node, ast.arg):
                bound.add(node.arg)
            elif isinstance(node, ast.ExceptHandler) and node.name:
                bound.add(node.name)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                bound |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return [name for name in dict.fromkeys(used) if name not in bound]


def _is_ours(module: str) -> bool:
    return module.split(".")[0] not in sys.stdlib_module_names and module.split(".")[0] != "pytest"


def module_path(dotted: str) -> str:
    return dotted.replace(".", "/") + ".py"


def _console_module(command: str) -> str:
    match = re.search(r"\bpython3?\s+(?:-m\s+([\w.]+)|([\w./-]+\.py))", command)
    if not match or (match[1] and not _is_ours(match[1])):
        return ""
    return module_path(match[1]) if match[1] else match[2].removeprefix("./")


def _modules(requirement: Requirement, dependencies: tuple[str, ...]) -> tuple[str, ...]:
    """Module paths its examples name, unless `Module:` names that module already (perhaps below `src/`) or a dependency seems to provide it."""
    paths = dict.fromkeys(path for criterion in requirement.criteria for example in criterion.examples for path, _ in imported(example))
    known = requirement.module.removeprefix("src/")
    packages = [slug(re.split(r"[^\w.-]", name)[0]) for name in dependencies]
    ours = [path for path in paths if not any(slug(path.split("/")[0].removesuffix(".py")) in package for package in packages)]
    return tuple(path for path in ours if path not in (known, known.replace("/__main__.py", ".py")))


def _soft_dependencies(requirements: list[Requirement]) -> dict[str, list[str]]:
    uses = {
        requirement.key: {pair for criterion in requirement.criteria for example in criterion.examples for pair in imported(example) if pair[1]}
        for requirement in requirements
    }
    introduces: dict[tuple[str, str], str] = {}
    used_by: dict[tuple[str, str], list[Requirement]] = {}
    for requirement in requirements:
        for pair in uses[requirement.key]:
            used_by.setdefault(pair, []).append(requirement)
    for pair, users in used_by.items():
        named = [requirement for requirement in users if _names(requirement.title, pair[1])]
        named = named or [requirement for requirement in users if _names(" ".join(re.findall(r"`([^`]+)`", requirement.text)), pair[1])]
        introduces[pair] = (named or users)[0].key
    return {requirement.key: sorted({introduces[pair] for pair in uses[requirement.key]} - {requirement.key}) for requirement in requirements}


def _names(text: str, name: str) -> bool:
    return name in text and name in _WORD.findall(text)


# --- what a person must answer -------------------------------------------------------------------------------------------


def _question(
    requirements: tuple[Requirement, ...], files: tuple[str, ...], conflicts: tuple[Contradiction, ...], asked: list[Question]
) -> Question | None:
    ids = {criterion.id for requirement in requirements for criterion in requirement.criteria}
    found: list[Question] = [*asked]
    for conflict in conflicts:
        first, second = conflict.first, conflict.second
        if {first.id.partition("/")[0], second.id.partition("/")[0]} & ids:
            found.append(
                Question(
                    f"`{first.call}` has two answers: line {first.line} says {_answer(first)}, line {second.line} says {_answer(second)}. "
                    "Which one holds?",
                    (first.line, second.line),
                )
            )
    for requirement in requirements:
        if not requirement.criteria:
            text = f"{requirement.key} has no acceptance criterion. How would one see that it is done? Add criteria with examples."
            found.append(Question(text, (requirement.line,)))
        for text in requirement.unclear[len(requirement.answers) :]:
            lines = [criterion.line for criterion in requirement.criteria if text in " ".join(criterion.text.split())]
            found.append(Question(f"{requirement.key} is not clear: {text}", tuple(lines[:1]) or (requirement.line,)))
    if not files and not found:
        found.append(
            Question(f"Which module should provide {requirements[0].key}? Add `Module: name.py` under its heading.", (requirements[0].line,))
        )
    if not found:
        return None
    return Question(" ".join(question.text for question in found), tuple(dict.fromkeys(line for q in found for line in q.lines)))


def _answer(example: Example) -> str:
    if example.compare == "raises":
        return f"it raises {example.raises}: {example.expected}"
    return example.expected if len(example.expected) < 200 else example.expected[:200] + "…"
