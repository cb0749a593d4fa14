"""Phases, cycles, module structure and dependencies in Markdown."""

import pytest

from orchestrator import start
from orchestrator.inbox import forms
from orchestrator.model import Prd

STRUCTURED = """\
# Library

## Phase 1 - The shelf

### R1: Keep a shelf

- AC1: keeps titles

#### TDD Cycle 1: Shelf

- Shelf(titles)

**Tests**: 8-10

## Phase II: The desk

### R2: Lend

**Cycle 2: Desk**

* `Desk` lends
* fine(days)
* **Tests:** ~8
* **Dependencies:** Cycle 1

## Module structure

```text
library/
├── pyproject.toml
├── src/
│   └── library/
│       ├── shelf.py    # keeps a shelf
│       └── desk.py
└── tests/
    └── test_desk.py
```

## Module API

### `src/library/desk.py`

**Exports:**

- `Desk` (class) — lends

## Dependencies

- The accounts team
- requests>=2
- Python 3.11
"""


def read(text: str) -> Prd:
    reading = forms.read(text, "prds/library.md")
    assert not [problem for problem in reading.problems if problem.severity == "error"]
    return reading.prd


def test_a_requirement_belongs_to_the_phase_it_stands_under_and_to_the_cycle_that_stands_in_it() -> None:
    prd = read(STRUCTURED)
    assert [(phase.number, phase.title, phase.line) for phase in prd.phases] == [(1, "The shelf", 3), (2, "The desk", 15)]
    assert [(cycle.key, cycle.line, cycle.tests, cycle.requirements) for cycle in prd.cycles] == [
        ("Cycle 1", 9, (8, 10), ("R1",)),
        ("Cycle 2", 19, (8, 8), ("R2",)),
    ]
    first, second = prd.requirements
    assert (first.phase, first.module, [each.text for each in first.criteria]) == (1, "src/library/shelf.py", ["keeps titles"])
    assert (second.phase, second.module, second.depends_on) == (2, "src/library/desk.py", ("R1",))


def test_a_requirement_without_criteria_takes_the_components_of_its_cycle_for_them() -> None:
    assert [(each.key, each.text, each.line, each.inferred) for each in read(STRUCTURED).requirements[1].criteria] == [
        ("AC1", "`Desk` lends", 21, True),
        ("AC2", "fine(days)", 22, True),
    ]


def test_the_folder_that_stands_for_the_repository_is_no_part_of_a_path() -> None:
    assert [module.path for module in read(STRUCTURED).modules] == [
        "pyproject.toml",
        "src/library/shelf.py",
        "src/library/desk.py",
        "tests/test_desk.py",
    ]


def test_in_a_section_on_dependencies_only_what_has_a_version_is_a_package() -> None:
    assert read(STRUCTURED).dependencies == ("requests>=2",)


@pytest.mark.parametrize(
    ("listed", "files"),
    [
        ("- `a/b.py`: x\n- a/c.py - y\n", ["a/b.py", "a/c.py"]),
        ("a/\n  b.py  # x\n  c/\n    d.py\n", ["a/b.py", "a/c/d.py"]),
        ("- **src/**\n  - b.py\n  - c/\n    - d.py (x)\n", ["src/b.py", "src/c/d.py"]),
        ("a\n|-- b.py\n`-- c\n    `-- d.py\n", ["a/b.py", "a/c/d.py"]),
        ("a/\n\tb.py\n\tc/\n\t\td.py\n", ["a/b.py", "a/c/d.py"]),
        ("./\n├── __init__.py\n└── sub/\n    └── x.py\n", ["__init__.py", "sub/x.py"]),
        ("1. `a/b.py` — x\n2. `a/c.py`\n", ["a/b.py", "a/c.py"]),
        ("The code is in one place, e.g. below a folder.\n\n- a.py\n- ../b.py\n", ["a.py"]),
    ],
)
def test_a_module_structure_is_written_in_many_ways(listed: str, files: list[str]) -> None:
    for text in (listed, f"```\n{listed}```\n"):
        assert [module.path for module in read(f"# T\n\n## Project structure\n\n{text}\n## R1: A\n\n- AC1: x\n").modules] == files


@pytest.mark.parametrize(
    ("listed", "exports"),
    [
        ("a.py:\n  exports:\n    - F (class): text\n", [("F", "class", "text")]),
        ("a.py:\n  exports: [F, g]\n", [("F", "", ""), ("g", "", "")]),
        ("path: a.py\nfunctions:\n  - g(x) -> int: text\n", [("g", "function", "(x) -> int: text")]),
        ("### `a.py`\n\n- `F` (dataclass) — text\n- def g(x): text\n", [("F", "dataclass", "text"), ("g", "function", "(x) : text")]),
        ("- **a.py**\n  - Exports:\n    - F: text\n  - Tests: many\n", [("F", "", "text")]),
        (
            "a.py:\n  description: x\n  exports:\n    F: class\n    g: function\n  test_import: from a import F\n",
            [("F", "class", ""), ("g", "function", "")],
        ),
    ],
)
def test_a_module_api_is_written_in_many_ways(listed: str, exports: list[tuple[str, str, str]]) -> None:
    [module] = read(f"# T\n\n## Module API specification\n\n{listed}\n## R1: A\n\n- AC1: x\n").modules
    assert (module.path, module.line) == ("a.py", 5)
    assert [(each.name, each.kind, each.text) for each in module.exports] == exports


@pytest.mark.parametrize(
    ("listed", "dependencies"),
    [
        ('```toml\n[project.optional-dependencies]\napi = ["a>=1", "b[c]>=2,<3"]\n```', ("a>=1", "b[c]>=2,<3")),
        ('[tool.poetry.dependencies]\npython = "^3.11"\na = "^1.2"\nb = "*"', ("a>=1.2", "b")),
        ("- `a>=1` for x\n- Add b (for y)\n- c: z", ("a>=1", "b", "c")),
        ("```\npip install a 'b>=2'\n```", ("a", "b>=2")),
        ("None.", ()),
        ("- none", ()),
        ("No new dependencies are needed.", ()),
    ],
)
def test_dependency_changes_are_written_in_many_ways(listed: str, dependencies: tuple[str, ...]) -> None:
    assert read(f"# T\n\n## Dependency changes\n\n{listed}\n\n## R1: A\n\n- AC1: x\n").dependencies == dependencies


@pytest.mark.parametrize(
    ("said", "wanted"),
    [("Cycle 1", {"Cycle 1"}), ("Cycles 1 and 2", {"Cycle 1", "Cycle 2"}), ("Cycles 1-2", {"Cycle 1", "Cycle 2"}), ("1, 2", {"Cycle 1", "Cycle 2"}), ("none", set()), ("N/A", set())],
)  # fmt: skip
def test_what_a_cycle_depends_on_is_written_in_many_ways(said: str, wanted: set[str]) -> None:
    cycles = "".join(f"### TDD Cycle {number}: C{number}\n\n- part{number}\n\n" for number in (1, 2))
    prd = read(f"# T\n\n## R1: A\n\n- AC1: x\n\n## Cycles\n\n{cycles}### TDD Cycle 3: Last\n- z\n- Dependencies: {said}\n")
    assert set(prd.cycles[2].depends_on) == wanted


@pytest.mark.parametrize(
    "written",
    [
        "**TDD Cycle 1: Shelf**\n- a\n- b\n",
        "**TDD Cycle 1: Shelf** ✅\n\n1. a\n2. b\n",
        "- [ ] **TDD Cycle 1: Shelf**\n  - [ ] a\n  - [x] b\n",
        "- [x] **Cycle 1 - Shelf**\n  - a\n  - b\n",
        "#### Cycle #1 — Shelf\n\nComponents: a, b\n",
        "TDD Cycle 1: Shelf\n- a\n- b\n",
    ],
)
def test_a_cycle_is_written_in_many_ways(written: str) -> None:
    [cycle] = read(f"# T\n\n## R1: A\n\n- AC1: x\n\n## Phase 1: P\n\n{written}\n").cycles
    assert (cycle.key, cycle.title, cycle.components, cycle.phase, cycle.line) == ("Cycle 1", "Shelf", ("a", "b"), 1, 9)


def test_numbers_of_cycles_may_begin_anew_in_each_phase() -> None:
    text = "# T\n\n" + "".join(
        f"## Phase {number}: P\n\n**Cycle 1: A{number}**\n- a{number}_b\n\n**Cycle 2: B**\n- b\nDependencies: Cycle 1\n\n" for number in (1, 2)
    )
    prd = read(text + "## R1: A\n\n- AC1: `a1_b`\n")
    assert [(cycle.key, cycle.depends_on) for cycle in prd.cycles] == [
        ("Cycle 1", ()),
        ("Cycle 2", ("Cycle 1",)),
        ("Cycle 1 of phase 2", ()),
        ("Cycle 2 of phase 2", ("Cycle 1 of phase 2",)),
    ]


def test_a_cycle_that_waits_for_one_that_is_not_there_is_noted() -> None:
    reading = forms.read("# T\n\n## R1: A\n\n- AC1: x\n\n**Cycle 1: A**\n- a\nDependencies: Cycle 7\n", "a.md")
    assert [problem.line for problem in reading.problems if problem.code == "unknown-cycle"] == [9]


def test_requirements_never_wait_for_each_other_because_of_cycles() -> None:
    text = "# T\n\n## R1: A `one_x`\nDepends on: R2\n\n- AC1: x\n\n## R2: B `two_x`\n\n- AC1: x\n\n## Plan\n\n**Cycle 1: C**\n- one_x\n\n**Cycle 2: D**\n- two_x\nDependencies: Cycle 1\n"
    prd = read(text)
    assert [requirement.depends_on for requirement in prd.requirements] == [("R2",), ()]
    assert "inferred-dependency" in [problem.code for problem in forms.read(text, "a.md").problems]


@pytest.mark.parametrize("count", [1, 3])
def test_what_new_writes_is_understood(count: int) -> None:
    prd = read(start.template(start.Wanted("Loans", phases=count, modules=True, api=True)))
    assert [phase.number for phase in prd.phases] == list(range(1, count + 1))
    assert [(requirement.phase, requirement.module) for requirement in prd.requirements] == [(1, "loans.py"), (min(2, count), "loans_cli.py")]
    assert [module.path for module in prd.modules] == ["loans.py", "loans_cli.py"]
