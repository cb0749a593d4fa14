"""Small PRDs that the tests of this folder stand on."""

LOANS = """\
---
title: Library loans
id: loans
project: library
priority: 10
budget: {minutes: 60, tokens: 2_000_000, attempts: 2}
gates: {held_out: 0.25}
---

# Library loans

A small lending library.

## Goals

- never lose a book

```python
>>> 1 + 1
3
```

## Requirements

Everything is kept in memory.

### R1: Keep a shelf
Module: library/shelf.py

`Shelf(titles)` knows its titles.

- AC1: a new shelf holds what it was given

  ```python
  >>> from library.shelf import Shelf
  >>> Shelf(["Emma"]).titles
  ['Emma']
  ```

### R2: Lend a book
Depends on: R1
Module: library/loans.py
Priority: high
Complexity: small

`lend(book, member)` records a loan.

- AC1: Given a book on the shelf, when a member borrows it, then it is on loan to that member.
- AC2: a book on loan cannot be lent again

  ```python
  >>> from library.loans import Desk
  >>> desk = Desk(["Emma"])
  >>> desk.lend("Emma", to="ann")
  >>> desk.lend("Emma", to="bob")
  Traceback (most recent call last):
  LookupError: Emma is on loan
  ```

- AC3: overdue books cost a fine

  | `fine(days)` | => |
  |---|---|
  | 0  | 0.0 |
  | 10 | 2.5 |
  | -1 | ValueError: days must not be negative |

- AC4: the desk can ask from a terminal

  ```csv books.csv
  title,member
  Emma,ann
  ```

  ```console
  $ python -m library.loans --who Emma < books.csv
  ann
  $ python -m library.loans --who Ulysses
  unknown
  (exit 2)
  ```

## Non-functional requirements

### N1: Quick

Answers within a second.
"""

ONE = """\
## Requirements

### R1: Double a number
Module: doubling.py

- AC1: two becomes four

  ```python
  >>> from doubling import double
  >>> double(2)
  4
  ```
"""


def requirement(body: str, heading: str = "### R1: Sums\nModule: sums.py") -> str:
    """A PRD of one requirement; its body begins on line 6."""
    return f"## Requirements\n\n{heading}\n\n{body}"


PART = """\
### R{each}: Add {more}
{depends}Module: sums/part{each}.py

Adds a number.

- AC1: adds to one

  ```python
  >>> from sums.part{each} import add
  >>> add(1)
  {one}
  ```

- AC2: adds to two

  | `add(n)` | => |
  |---|---|
  | 2 | {two} |
"""


def generated(number: int) -> str:
    """One of many PRDs, each different, with five requirements and ten examples."""
    head = f"---\ntitle: Number {number}\nid: prd-{number}\n---\n\n# Number {number}\n\nSome words.\n\n## Requirements\n"
    parts = [
        PART.format(
            each=each,
            more=number + each,
            depends=f"Depends on: R{each - 1}\n" if each > 1 else "",
            one=number + each + 1,
            two=number + each + 2,
        )
        for each in range(1, 6)
    ]
    return "\n".join([head, *parts])
