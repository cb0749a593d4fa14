"""A specification in plain text, as people who write for a TDD orchestrator write them."""

DESK = """\
LIBRARY DESK - SPECIFICATION
============================

A small library lends books from a desk.


FUNCTIONAL REQUIREMENTS
=======================

FR-1: Keep a Shelf
  The shelf knows its titles.

  FR-1.1: Titles
    Shelf(titles) keeps them sorted.
    Shelf.add(title) adds one.

  FR-1.2: Sizes
    len(shelf) counts them.

FR-2: Lend a Book
  Depends on: FR-1
  Desk lends what is on the shelf.
  - Desk.lend(title, to) records a loan
  - fine(days) is a quarter a day

FR-3: Ask over HTTP
  GET /loans answers with LoanList.


NON-FUNCTIONAL REQUIREMENTS
===========================

NFR-1: Quick
  Answers within a second.


ACCEPTANCE CRITERIA
===================

AC-1: Borrowing
  GIVEN a book on the shelf
  WHEN ann borrows it
  THEN it is on loan
  AND nobody else can borrow it

AC-2 (FR-2): Overdue
  GIVEN a loan of ten days
  WHEN it comes back
  THEN 2.5 is due


### Phase 0: The shelf

**TDD Cycle 1: Shelf**
- Shelf with titles
- Shelf.add(title)
Tests: 8-10
Module Hint: src/library/

### Phase 1: The desk

**TDD Cycle 2: Desk and fines**
- Desk.lend(title, to)
- fine(days)
Tests: ~6
Module Hint: src/library/desk.py
Dependencies: Cycle 1

**TDD Cycle 3: Loans over HTTP**
- GET /loans -> LoanList
Tests: 4
Module Hint: src/library/
Dependencies: Cycle 1, Cycle 2

**TDD Cycle 4: Wheel on a stick**
- build it
- upload it
Dependencies: none


MODULE STRUCTURE
----------------
src/library/
  __init__.py      # Exports everything
  shelf.py         # Shelf
  desk.py          # Desk and fines
  web/
    loans.py       # LoanList, GET /loans


MODULE API SPECIFICATION
========================
src/library/shelf.py:
  exports:
    - Shelf (class): Keeps titles
  import_pattern: direct
  test_import: from library.shelf import Shelf

src/library/web/loans.py:
  exports:
    - LoanList (dataclass): What GET /loans answers
    - list_loans(desk) -> LoanList: All of them


DESIGN CONSTRAINTS
==================

DC-1: No framework
  The standard library is enough.


DEPENDENCY CHANGES
==================

[project.optional-dependencies]
web = [
    "bottle>=0.13",
]
- remove six
"""
