"""Whatever stands in a file, parsing ends, and what it says is about lines that exist."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.inbox.contradictions import find
from orchestrator.inbox.markdown import read

from .prds import LOANS, ONE

VOCABULARY = """\
---
title: x
id: a
budget: {minutes: 1}
depends_on: [a]
# T
## Requirements
### R1: A
### R2: B
#### AC1: x
Module: a/b.py
Module: ../x
Depends on: R1
Depends on: R2
- AC1: x
- AC2:
- [ ] y
- bare
  - nested
1. AC3: z
Given a, when b, then c
- Given a
- When b
- Then c
Acceptance criteria:
```
```python
```console
```csv a.csv
  ```
~~~
>>> f(1)
  >>> f(1)
    >>> f(1)
>>> from a import f
... x
2
≈ 3
Traceback (most recent call last):
ValueError: no
$ ls <<END
$ ls
END
(exit 2)
| `f(a)` | => |
| a | `f(a)` |
|---|---|
| 1 | 2 |
| 1 |
> quote
<!--
-->
===
"""

PIECES = [*VOCABULARY.split("\n"), "\t", "\x0c", "\u2028", "\x00", "\r"]

lines_of_prds = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=40).map("\n".join)


def holds(text: str) -> None:
    reading = read(text, "prds/any.md")
    count = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    assert all(0 <= problem.line <= count for problem in reading.problems)
    assert all(problem.code and problem.message for problem in reading.problems)
    for requirement in reading.prd.requirements:
        assert 1 <= requirement.line <= count
        keys = [criterion.key for criterion in requirement.criteria]
        for criterion in requirement.criteria:
            assert 1 <= criterion.line <= count
            assert all(1 <= example.line <= count for example in criterion.examples)
        if reading.ok:
            assert len(set(keys)) == len(keys)
    if reading.ok:
        assert len({requirement.id for requirement in reading.prd.requirements}) == len(reading.prd.requirements)
    for contradiction in find(reading.prd):
        assert contradiction.first.line <= contradiction.second.line


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_to_its_end(text: str) -> None:
    holds(text)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(lines_of_prds)
def test_any_mixture_of_what_prds_are_made_of_is_read_to_its_end(text: str) -> None:
    holds(text)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from([LOANS, ONE]), st.lists(st.tuples(st.sampled_from("dcsxi"), st.integers(0, 200), st.integers(0, 200)), max_size=8))
def test_a_prd_with_lines_lost_doubled_swapped_or_bent_is_read_to_its_end(text: str, changes: list[tuple[str, int, int]]) -> None:
    lines = text.split("\n")
    for change, first, second in changes:
        if not lines:
            break
        at, other = first % len(lines), second % len(lines)
        if change == "d":
            del lines[at]
        elif change == "c":
            lines.insert(other, lines[at])
        elif change == "s":
            lines[at], lines[other] = lines[other], lines[at]
        elif change == "x":
            lines[at] = lines[at][: other % (len(lines[at]) + 1)]
        else:
            lines[at] = "  " + lines[at]
    holds("\n".join(lines))
