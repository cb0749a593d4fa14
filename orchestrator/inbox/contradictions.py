"""The same call with two answers: which examples of a PRD cannot both hold."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from decimal import Decimal

from orchestrator.inbox.doctests import parse
from orchestrator.model import Example, Prd


@dataclass(frozen=True)
class Contradiction:
    first: Example
    """The one that stands first in the file."""
    second: Example

    @property
    def lines(self) -> tuple[int, int]:
        return self.first.line, self.second.line


def find(prd: Prd) -> tuple[Contradiction, ...]:
    """Pairs of examples with the same imports, set-up and call but answers that cannot both hold, in the order of the file.

    Each example is paired with the first of its kind that it contradicts, so three answers make two pairs.
    """
    groups: dict[object, list[Example]] = {}
    for requirement in prd.requirements:
        for criterion in requirement.criteria:
            for example in criterion.examples:
                groups.setdefault(question(example), []).append(example)
    found = []
    for examples in groups.values():
        examples.sort(key=lambda example: example.line)
        seen: dict[object, Example] = {}
        """The first example of each answer: others with the same agree with what it agrees with."""
        for second in examples:
            first = next((each for each in seen.values() if not _agree(each, second)), None)
            if first:
                found.append(Contradiction(first, second))
            seen.setdefault((second.compare, second.expected, second.raises, second.exit_code, second.ellipsis), second)
    return tuple(sorted(found, key=lambda each: (each.second.line, each.first.line)))


def question(example: Example) -> object:
    """What an example asks, however it is written: two examples with the same question must have the same answer."""
    files = tuple(sorted((file.name, file.text) for file in example.files))
    if example.compare == "console":
        return "console", tuple(_words(each) for each in example.setup), _words(example.call), example.stdin, files
    statements = [node for source in example.setup for node in _statements(source)]
    call = _statements(example.call)
    imports = [node for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]
    rest = [node for node in statements if not isinstance(node, ast.Import | ast.ImportFrom)]
    used = {each.id for node in (*rest, *call) for each in ast.walk(node) if isinstance(each, ast.Name)}
    bound = sorted(name for node in imports for name in _bound(node, used))
    return "python", tuple(bound), tuple(map(ast.unparse, rest)), tuple(map(ast.unparse, call)), files


def _words(command: str) -> str:
    return " ".join(command.split())


def _statements(source: str) -> list[ast.stmt]:
    tree = parse(source)
    return tree.body if isinstance(tree, ast.Module) else []


def _bound(node: ast.Import | ast.ImportFrom, used: set[str]) -> list[str]:
    """One line per name that is imported and used."""
    found = []
    for alias in node.names:
        name = alias.asname or alias.name.split(".")[0]
        if name in used or name == "*":
            origin = f"{'.' * node.level}{node.module or ''}." if isinstance(node, ast.ImportFrom) else ""
            found.append(f"{name} = {origin}{alias.name}")
    return found


def _agree(first: Example, second: Example) -> bool:
    if first.compare == second.compare == "console":
        return (first.expected, first.exit_code) == (second.expected, second.exit_code)
    if "raises" in (first.compare, second.compare):
        return first.compare == second.compare and first.raises == second.raises and _match(first.expected, second.expected)
    kinds = {first.compare, second.compare}
    if "approx" in kinds and "text" not in kinds:
        return _near(first, second)
    return _match(_text(first), _text(second), first.ellipsis, second.ellipsis)


def _text(example: Example) -> str:
    """What would be printed."""
    if example.compare != "value":
        return example.expected
    value = ast.literal_eval(example.expected.strip())
    return _canonical(value)


def _canonical(value: object) -> str:
    """repr, with the members of sets and dicts in one order."""
    if isinstance(value, dict):
        return "{" + ", ".join(sorted(f"{_canonical(key)}: {_canonical(each)}" for key, each in value.items())) + "}"
    if isinstance(value, set) and value:
        return "{" + ", ".join(sorted(map(_canonical, value))) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_canonical, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_canonical, value)) + ("," if len(value) == 1 else "") + ")"
    return repr(value)


def _match(first: str, second: str, first_open: bool = True, second_open: bool = True) -> bool:
    return first == second or (first_open and _fits(first, second)) or (second_open and _fits(second, first))


def _fits(pattern: str, text: str) -> bool:
    """Whether the text is the pattern with something in place of each `...`; in linear time, unlike a regular expression."""
    first, *rest = pattern.split("...")
    if not rest or not text.startswith(first) or not text.endswith(rest[-1]):
        return False
    place, end = len(first), len(text) - len(rest[-1])
    for part in rest[:-1]:
        found = text.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return place <= end


def _near(first: Example, second: Example) -> bool:
    """Whether the ranges that two numbers stand for overlap."""
    ranges = [_range(example) for example in (first, second)]
    if ranges[0] is None or ranges[1] is None:
        return False
    (low, high), (other_low, other_high) = ranges[0], ranges[1]
    return low <= other_high and other_low <= high


def _range(example: Example) -> tuple[Decimal, Decimal] | None:
    try:
        number = Decimal(example.expected.strip().replace("_", ""))
    except ArithmeticError:
        return None
    exponent = number.as_tuple().exponent
    half = Decimal(5).scaleb(int(exponent) - 1) if example.compare == "approx" else Decimal(0)
    return number - half, number + half
