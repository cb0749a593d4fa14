"""The four passes of a planning agent: what each is about, and which answers count. Pure; `run/planning.py` asks, folding.py makes a plan of it.

    cycles      which requirements belong together, in which module, after which others (not where the PRD names its cycles)
    tasks       each requirement as one or a few small tasks
    criteria    what must hold, for tasks that have no criterion yet
    hints       how a task might be built (not for easy ones)

Only requirements are asked about that the PRD does not state exactly: without a module, without a criterion, or too large for one task. An answer is
JSON that must name each of them, and nothing else. What is wrong with it goes back in sentences; what is still wrong then is left to the outline, and
said. Whatever an agent answers, no requirement, criterion or example of the PRD is lost or changed by it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.model import Prd, Requirement
from orchestrator.plan import complexity, graph, outline, rules, saved
from orchestrator.plan.answers import AskedPerson, CriteriaAnswer, CyclesAnswer, HintsAnswer, Kind, TaskAnswer, TasksAnswer
from orchestrator.plan.rules import Atomic, Bunch, Piece
from orchestrator.plan.saved import PlannedRequirement

TOGETHER = 40
"""Requirements that are shown at once when cycles are asked for."""
UNIT = 6
"""Requirements that are taken apart in one answer."""
MOST_TASKS = 8
"""Tasks of one requirement."""
LONGEST = 2000
"""Characters of a criterion that is proposed."""


# --- what is asked -------------------------------------------------------------------------------------------------------


@dataclass
class Draft:
    """What was planned so far for one requirement."""

    requirement: Requirement
    module: str = ""
    depends_on: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    tasks: list[TaskAnswer] = field(default_factory=list)
    within: dict[int, list[int]] = field(default_factory=dict)
    """Position (from 0) of a task → positions of tasks of the same requirement that it depends on."""
    criteria: dict[int, list[str]] = field(default_factory=dict)
    """Position of a task → texts of criteria that were added."""
    hints: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Unit:
    """One question to a planning agent."""

    kind: Kind
    keys: tuple[str, ...]
    """Of the requirements it is about."""
    fingerprint: str
    """Hash of what is asked about."""
    title: str = ""

    def name(self, prd: str) -> str:
        """What the turns are booked and recorded under."""
        return f"{prd}#plan.{self.kind}.{self.keys[0]}"


def why(requirement: Requirement, atomic: Atomic) -> tuple[str, ...]:
    """What the PRD leaves open about a requirement, one sentence each; empty where it states it exactly."""
    found = []
    examples = [example for criterion in requirement.criteria for example in criterion.examples]
    if requirement.type == "non-functional" and not examples:
        return ()
    if not requirement.module and not any(path for example in examples for path, _ in outline.imported(example)):
        found.append("no module is named")
    if not requirement.criteria:
        found.append("it has no acceptance criterion")
    if any(not criterion.examples for criterion in requirement.criteria):
        found += [f"it is larger than a task should be: {sentence}" for _, sentence in rules.too_large(_bunch(requirement), atomic)]
    return tuple(found)


def _bunch(requirement: Requirement) -> Bunch:
    return Bunch(tuple(rules.piece(criterion, rules.used(criterion)) for criterion in requirement.criteria))


def drafts(prd: Prd, entries: Mapping[str, PlannedRequirement], atomic: Atomic) -> dict[str, Draft]:
    """What is to be planned: every requirement that the PRD leaves open and no addition belongs to yet."""
    return {each.key: Draft(each) for each in prd.requirements if each.key not in entries and why(each, atomic)}


def cycle_units(prd: Prd, open_: Mapping[str, Draft]) -> tuple[Unit, ...]:
    """Nothing where the PRD names its cycles, or where there is only one requirement to plan."""
    if prd.cycles or len(open_) < 2:
        return ()
    keys = list(open_)
    return tuple(_unit("cycles", keys[start : start + TOGETHER], open_) for start in range(0, len(keys), TOGETHER))


def task_units(prd: Prd, open_: Mapping[str, Draft], cycles: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[Unit, ...]:
    """`cycles`: (title, keys) of those that were found or stated; a requirement in none is asked about with its neighbours."""
    stated = [(cycle.title, cycle.requirements) for cycle in prd.cycles]
    left = dict.fromkeys(open_)
    units = []
    for title, keys in (*stated, *cycles, ("", tuple(open_))):
        mine = [key for key in keys if key in left]
        for key in mine:
            del left[key]
        units += [_unit("tasks", mine[start : start + UNIT], open_, title) for start in range(0, len(mine), UNIT)]
    return tuple(units)


def criteria_units(open_: Mapping[str, Draft]) -> tuple[Unit, ...]:
    """One for each requirement with a task that nothing would prove."""
    return tuple(_unit("criteria", [key], open_) for key, draft in open_.items() if bare(draft))


def bare(draft: Draft) -> tuple[int, ...]:
    """Numbers (from 1) of its tasks without any criterion."""
    return tuple(number for number, task in enumerate(draft.tasks, 1) if not task.criteria and not draft.criteria.get(number - 1))


def hint_units(open_: Mapping[str, Draft]) -> tuple[Unit, ...]:
    """One for each requirement that is not easy."""
    return tuple(_unit("hints", [key], open_) for key, draft in open_.items() if draft.tasks and level(draft) != "low")


def level(draft: Draft) -> str:
    return complexity.of((draft.requirement,), len({name for task in draft.tasks for name in task.exports}))


def _unit(kind: Kind, keys: Sequence[str], open_: Mapping[str, Draft], title: str = "") -> Unit:
    about: list[Any] = [kind, [outline.fingerprint([open_[key].requirement]) for key in keys]]
    if kind in ("criteria", "hints"):
        about += [[task.model_dump() for task in open_[key].tasks] + [sorted(open_[key].criteria.items())] for key in keys]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return Unit(kind, tuple(keys), digest, title)


# --- which answers count ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checked:
    wrong: tuple[str, ...] = ()
    """Sentences; with any of them the answer does not count."""
    large: tuple[str, ...] = ()
    """What had better be otherwise: said while there is another try."""


def check(prd: Prd, unit: Unit, answer: Any, open_: Mapping[str, Draft], atomic: Atomic) -> Checked:
    if isinstance(answer, CyclesAnswer):
        return _check_cycles(prd, unit, answer, open_)
    if isinstance(answer, TasksAnswer):
        return _check_tasks(prd, unit, answer, open_, atomic)
    if isinstance(answer, CriteriaAnswer):
        return _check_criteria(unit, answer, open_, atomic)
    assert isinstance(answer, HintsAnswer)
    count = len(open_[unit.keys[0]].tasks)
    return Checked(tuple(f"hints are for task {each.task}, of {count}" for each in answer.hints if not 1 <= each.task <= count))


def _each_once(what: str, wanted: Iterable[str], given: Sequence[str], known: Iterable[str] = ()) -> list[str]:
    """Sentences about names that are missing, doubled or unknown."""
    wanted, known = list(wanted), {*known}
    found = [f"{what} `{name}` is left out" for name in wanted if name not in given]
    for name in dict.fromkeys(given):
        if name not in wanted:
            found.append(f"{what} `{name}` {'was not asked about' if name in known else 'does not exist'}; asked about: {', '.join(wanted[:20])}")
        elif given.count(name) > 1:
            found.append(f"{what} `{name}` is named {given.count(name)} times; it belongs to exactly one")
    return found


def _check_cycles(prd: Prd, unit: Unit, answer: CyclesAnswer, open_: Mapping[str, Draft]) -> Checked:
    odd: list[str] = []
    keys = {requirement.key for requirement in prd.requirements}
    found = _each_once("the requirement", unit.keys, [each.key for cycle in answer.cycles for each in cycle.requirements], keys)
    edges = {requirement.key: list(requirement.depends_on) for requirement in prd.requirements}
    for cycle in answer.cycles:
        for each in cycle.requirements:
            if each.key not in open_:
                continue
            found += _module_problems(prd, open_[each.key].requirement, "" if open_[each.key].requirement.module else cycle.module)
            if unknown := [name for name in each.depends_on if name not in keys or name == each.key]:
                odd.append(f"`{each.key}` depends on {', '.join(unknown)}, which is no other requirement")
            edges[each.key] += [name for name in each.depends_on if name in keys and name != each.key]
    if not found and (walk := _walk(edges)):
        found.append(f"the requirements depend on each other in a circle: {' → '.join(walk)}")
    return Checked(tuple(dict.fromkeys([*found, *_asked_of(answer.questions, unit)])), tuple(odd))


def _walk(edges: dict[str, list[str]]) -> tuple[str, ...]:
    try:
        graph.ordered(edges)
    except graph.CycleError as error:
        return error.cycle
    return ()


def _module_problems(prd: Prd, requirement: Requirement, module: str) -> list[str]:
    entry = PlannedRequirement(fingerprint="", module=module[:300])
    return list(saved.problems(prd, requirement, entry)) if module else []


def _asked_of(questions: Iterable[AskedPerson], unit: Unit) -> list[str]:
    return [f"a question is about `{each.requirement}`, which was not asked about" for each in questions if each.requirement not in unit.keys]


def keys_and_texts(requirement: Requirement, task: TaskAnswer) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(keys of the PRD's criteria, texts of criteria that the answer adds) of a task. Models often write a criterion's text in place of its key;
    where the PRD has no criterion, what they write is one that they propose."""
    by_text = {" ".join(criterion.text.split()).casefold(): criterion.key for criterion in requirement.criteria}
    known = {criterion.key for criterion in requirement.criteria}
    named = [name if name in known else by_text.get(" ".join(name.split()).casefold(), name) for name in task.criteria]
    if known:
        return tuple(named), ()
    texts = [" ".join(name.split()) for name in named]
    return (), tuple(text for text in dict.fromkeys(texts) if " " in text and len(text) <= LONGEST)


def within(task: TaskAnswer, number: int, count: int) -> tuple[int, ...]:
    """Positions that a task depends on, those left out that do not exist."""
    return tuple(other for other in dict.fromkeys(task.depends_on) if 1 <= other <= count and other != number)


def _check_tasks(prd: Prd, unit: Unit, answer: TasksAnswer, open_: Mapping[str, Draft], atomic: Atomic) -> Checked:
    keys = {requirement.key for requirement in prd.requirements}
    given = [task.requirement for task in answer.tasks]
    found = _each_once("the requirement", unit.keys, list(dict.fromkeys(given)), keys)
    large = []
    for key in unit.keys:
        requirement, mine = open_[key].requirement, [task for task in answer.tasks if task.requirement == key]
        if mine:
            told = [keys_and_texts(requirement, task) for task in mine]
            found += _each_once(f"{key}: the criterion", [c.key for c in requirement.criteria], [name for names, _ in told for name in names])
            proposed = [text for _, texts in told for text in texts]
            found += [f"{key}: the criterion “{text[:80]}” stands there twice" for text in dict.fromkeys(proposed) if proposed.count(text) > 1]
            if len(proposed) > saved.MOST_ADDED:
                found.append(f"{key}: {len(proposed)} criteria are proposed; at most {saved.MOST_ADDED}")
        if len(mine) > MOST_TASKS:
            found.append(f"{key}: {len(mine)} tasks; at most {MOST_TASKS}")
        for task in mine:
            found += _module_problems(prd, requirement, task.module)
            if not (task.module or requirement.module or open_[key].module):
                found.append(f"{key}: the task “{task.title[:80]}” names no module, and the PRD names none")
            large += [f"{key}: the task “{task.title[:80]}” is too large: {said}" for _, said in rules.too_large(_of(requirement, task, ()), atomic)]
    edges = {}
    for number, task in enumerate(answer.tasks, 1):
        there = within(task, number, len(answer.tasks))
        if wrong := [other for other in task.depends_on if other not in there]:
            large.append(f"task {number} depends on task {', '.join(map(str, wrong))}, of {len(answer.tasks)}")
        edges[str(number)] = [str(other) for other in there]
    if not found and (walk := _walk(edges)):
        found.append(f"the tasks depend on each other in a circle: {' → '.join(walk)}")
    if not found and (walk := _walk(_between(prd, answer, open_))):
        found.append(f"the requirements would depend on each other in a circle: {' → '.join(walk)}")
    return Checked(tuple(dict.fromkeys([*found, *_asked_of(answer.questions, unit)])), tuple(large))


def _between(prd: Prd, answer: TasksAnswer, open_: Mapping[str, Draft]) -> dict[str, list[str]]:
    """What requirements depend on with an answer."""
    edges = {requirement.key: list(requirement.depends_on) for requirement in prd.requirements}
    for key, draft in open_.items():
        edges[key] += draft.depends_on
    for number, task in enumerate(answer.tasks, 1):
        others = (answer.tasks[other - 1].requirement for other in within(task, number, len(answer.tasks)))
        edges[task.requirement] += [other for other in others if other != task.requirement]
    return edges


def _of(requirement: Requirement, task: TaskAnswer, added: Sequence[str]) -> Bunch:
    """A task as it would be: its pieces, and what the agent expects of it."""
    known = {criterion.key: criterion for criterion in requirement.criteria}
    names, texts = keys_and_texts(requirement, task)
    pieces = [rules.piece(known[name], rules.used(known[name])) for name in names if name in known]
    added = (*texts, *added)
    pieces += [Piece(f"+{number}", 1, frozenset(), len(text)) for number, text in enumerate(added)]
    return Bunch(tuple(pieces), task.lines, len(task.exports))


def _check_criteria(unit: Unit, answer: CriteriaAnswer, open_: Mapping[str, Draft], atomic: Atomic) -> Checked:
    draft = open_[unit.keys[0]]
    open_tasks = {str(number) for number in bare(draft)}
    given = [str(each.task) for each in answer.tasks]
    wanted = sorted(open_tasks if not answer.questions else open_tasks & {*given})
    found = _each_once("the task", wanted, given, map(str, range(1, len(draft.tasks) + 1)))
    texts = [" ".join(criterion.text.split()) for criterion in draft.requirement.criteria]
    large = []
    for each in answer.tasks:
        own = [" ".join(text.split()) for text in each.criteria]
        if not all(own):
            found.append(f"task {each.task}: a criterion is empty")
        found += [f"task {each.task}: the criterion “{text[:80]}” stands there twice" for text in own if text and (texts + own).count(text) > 1]
        if not 2 <= len(own) <= atomic.criteria:
            large.append(f"task {each.task}: {len(own)} criteria; from 2 to {atomic.criteria} are wanted")
        texts += own
    if sum(len(each.criteria) for each in answer.tasks) > saved.MOST_ADDED:
        found.append(f"{sum(len(each.criteria) for each in answer.tasks)} criteria; at most {saved.MOST_ADDED} for one requirement")
    if any(len(question) > 2000 or not question.strip() for question in answer.questions):
        found.append("a question is empty, or longer than 2,000 characters")
    return Checked(tuple(dict.fromkeys(found)), tuple(large))
