"""The outline decomposer: what the PRD says, one task per requirement, no agent. Pure.

Dependencies that are stated are kept. One requirement whose examples use a name that another one introduces depends on it softly; a cycle
of soft dependencies merges the tasks, since neither can be proved without the other.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace

from orchestrator.inbox import contradictions
from orchestrator.inbox.contradictions import Contradiction
from orchestrator.model import Criterion, Example, Plan, Prd, Question, Requirement, Task
from orchestrator.plan import graph, held_out

NAME = "outline"


def plan_of(prd: Prd, held_out: float) -> Plan:
    """The plan with the share of examples held out that is configured, or the PRD's own where that is larger."""
    return decompose(prd, max(held_out, prd.gates.held_out or 0.0))


def decompose(prd: Prd, held_out_share: float) -> Plan:
    """The plan of a PRD. Raises graph.CycleError only for stated cycles, which the inbox has refused before."""
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
    tasks = [_task(prd, members[key], edges[key], held_out_share, conflicts) for key in graph.ordered(edges)]
    if missing := graph.dangling({task.id: task.depends_on for task in tasks}):
        raise ValueError(f"{prd.path}: {missing[0][0]} depends on {missing[0][1]}, which is not in the plan")
    return Plan(prd.id, prd.fingerprint, NAME, tuple(tasks))


def _is_work(requirement: Requirement) -> bool:
    """A non-functional requirement without an executable example is shown as unproved, not worked on."""
    return requirement.type != "non-functional" or any(criterion.examples for criterion in requirement.criteria)


def _task(prd: Prd, requirements: tuple[Requirement, ...], depends_on: list[str], share: float, conflicts: tuple[Contradiction, ...]) -> Task:
    first = requirements[0]
    examples = tuple(example for requirement in requirements for criterion in requirement.criteria for example in criterion.examples)
    hidden = held_out.choose(examples, share)
    marked = tuple(_mark(requirement, hidden) for requirement in requirements)
    files = dict.fromkeys(path for requirement in requirements for path in (requirement.module, *_modules(requirement, prd.dependencies)) if path)
    return Task(
        id=first.id,
        prd=prd.id,
        requirements=marked,
        goal=" and ".join(requirement.title for requirement in requirements),
        files=tuple(files),
        test_file=f"tests/test_{slug(prd.id)}_{slug(first.key)}.py",
        depends_on=tuple(f"{prd.id}#{key}" for key in depends_on),
        fingerprint=fingerprint(requirements),
        question=_question(requirements, tuple(files), conflicts),
        complexity=first.complexity,
        inferred=any(requirement.inferred for requirement in requirements),
    )


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
        found = {key: _essence(item) for key, item in value.items() if key not in ("line", "held_out", "priority", "phase")}
        if "key" in value:  # a requirement or a criterion: prose
            found |= {key: _prose(value[key]) for key in ("title", "text") if key in value}
        return found
    if isinstance(value, (list, tuple)):
        return [_essence(item) for item in value]
    return value


def _prose(text: str) -> str:
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
    return imported_by((*example.setup, example.call), starred(example))


def imported_by(sources: Iterable[str], stars: Iterable[str] = ()) -> tuple[tuple[str, str], ...]:
    """(module path, name) pairs that Python sources import from the project; `stars`: what stands for a `*`."""
    found: list[tuple[str, str]] = []
    for source in sources:
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
    for pair in dict.fromkeys(pair for requirement in requirements for pair in uses[requirement.key]):
        users = [requirement for requirement in requirements if pair in uses[requirement.key]]
        named = [requirement for requirement in users if _names(requirement.title, pair[1])]
        named = named or [requirement for requirement in users if _names(" ".join(re.findall(r"`([^`]+)`", requirement.text)), pair[1])]
        introduces[pair] = (named or users)[0].key
    return {requirement.key: sorted({introduces[pair] for pair in uses[requirement.key]} - {requirement.key}) for requirement in requirements}


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", text) is not None


# --- what a person must answer -------------------------------------------------------------------------------------------


def _question(requirements: tuple[Requirement, ...], files: tuple[str, ...], conflicts: tuple[Contradiction, ...]) -> Question | None:
    ids = {criterion.id for requirement in requirements for criterion in requirement.criteria}
    found: list[Question] = []
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


def criteria_of(task: Task) -> dict[str, Criterion]:
    return {criterion.id: criterion for criterion in task.criteria}
