"""Thin criteria: where an agent that knows the examples could pass without knowing the rule. Pure; said by `orchestrator check` only.

At most one note per requirement. It stops nothing: it says which examples to add.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from orchestrator.model import Criterion, Example, Plan, Prd, Problem, Requirement
from orchestrator.plan.held_out import call_form

CODE = "thin-criterion"
ENOUGH = 3
"""Examples of one call form, of which one can then be held out."""


def notes(prd: Prd, plan: Plan) -> tuple[Problem, ...]:
    """A note for each requirement whose criteria could be met without the rule, in the order of the plan's tasks."""
    found = []
    for task in plan.tasks:
        forms = _forms(task.examples)
        for requirement in task.requirements:
            said = [each for each in (_few(requirement, forms), _alike(requirement, forms), _prose(requirement, prd)) if each]
            if said:
                line = min(line for _, _, line in said)
                message = f"`{requirement.key}` is thin: " + "; ".join(text for text, _, _ in said)
                hint = "; ".join(dict.fromkeys(hint for _, hint, _ in said))
                found.append(Problem(prd.path, line, CODE, message, hint, "note"))
    return tuple(found)


Said = tuple[str, str, int]
"""(what is thin, what to add, its first line)."""


def _forms(examples: tuple[Example, ...]) -> dict[str, list[Example]]:
    found: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        found[call_form(example)].append(example)
    return found


def _few(requirement: Requirement, forms: dict[str, list[Example]]) -> Said | None:
    """Call forms with too few examples to hold one out."""
    thin: dict[str, list[Criterion]] = defaultdict(list)
    for criterion in requirement.criteria:
        for form in dict.fromkeys(call_form(example) for example in criterion.examples):
            if len(forms[form]) < ENOUGH:
                thin[form].append(criterion)
    if not thin:
        return None
    counts = [f"{_shown(form)} has {len(forms[form])}" for form in thin]
    criteria = list(dict.fromkeys(criterion for each in thin.values() for criterion in each))
    text = f"{_named(criteria)}: too few examples to hold one out ({_several(counts)})"
    hint = f"add examples until three share {_several([_shown(form) for form in thin], 'and three share ')}: then one can be held out"
    return text, hint, criteria[0].line


def _alike(requirement: Requirement, forms: dict[str, list[Example]]) -> Said | None:
    """Call forms whose visible examples a constant satisfies, or all of whose examples a constant and one special case do."""
    for criterion in requirement.criteria:
        for form in dict.fromkeys(call_form(example) for example in criterion.examples):
            visible = [example for example in forms[form] if not example.held_out]
            if len(forms[form]) < ENOUGH or len(visible) < 2 or form in _first_forms(requirement, criterion):
                continue
            answers = Counter(_answer(example) for example in forms[form])
            if len({_answer(example) for example in visible}) == 1:
                text, more = f"the visible examples of {_shown(form)} have one and the same answer", "with another answer"
            elif len(answers) == 2 and min(answers.values()) == 1:
                text = f"a constant and one special case satisfy the examples of {_shown(form)}"
                more = "with a third answer, or more of the rarer one"
            else:
                continue
            sharing = [each for each in requirement.criteria if any(call_form(example) == form for example in each.examples)]
            return f"{_named(sharing)}: {text}", f"add examples of {_shown(form)} {more}", sharing[0].line
    return None


def _first_forms(requirement: Requirement, criterion: Criterion) -> set[str]:
    """Call forms that an earlier criterion of the requirement has: they were looked at there."""
    earlier = requirement.criteria[: requirement.criteria.index(criterion)]
    return {call_form(example) for each in earlier for example in each.examples}


def _prose(requirement: Requirement, prd: Prd) -> Said | None:
    """Criteria that only tests can prove: an agent's, or a person's in a repository that has a suite."""
    bare = [criterion for criterion in requirement.criteria if not criterion.examples]
    if not bare:
        return None
    its = "its test" if len(bare) == 1 else "their tests"
    return (
        f"{_named(bare)}: prose only, so an agent must write {its} and the proof level is `agent test` at most",
        "add an example to the prose" + (f", or a test to the repository that names it (`{bare[0].id}:`)" if prd.target.repo else ""),
        bare[0].line,
    )


def _answer(example: Example) -> tuple[str, str, int]:
    return (example.raises, example.expected if example.compare != "raises" else "", example.exit_code)


def _named(criteria: list[Criterion]) -> str:
    shown = [f"{criterion.key} (line {criterion.line})" for criterion in criteria[:6]]
    return ", ".join(shown) + (f" and {len(criteria) - 6} more" if len(criteria) > 6 else "")


def _several(parts: list[str], joint: str = "") -> str:
    more = [f"{len(parts) - 4} more"] if len(parts) > 4 else []
    return f", {joint}".join([*parts[:4], *more])


def _shown(form: str) -> str:
    """`leap_year(?)`, in backticks."""
    text = re.sub(r"(?<![\w])_(?![\w])", "?", " ".join(form.split()))
    return f"`{text if len(text) < 80 else text[:79] + '…'}`".replace("``", "`")
