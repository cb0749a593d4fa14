"""PRDs in YAML and JSON, and files of other tools: the same model as Markdown, each value with the line it stands on."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.config import Config
from orchestrator.inbox import forms, markdown
from orchestrator.inbox.folder import scan
from orchestrator.model import Prd
from tests.conftest import REPOSITORY, Workplace

YAML = """\
title: Library loans
id: loans
budget: {minutes: 60, turns: 5}
context: |
  The desk of a small library.
requirements:
  - id: R1
    title: Fines
    module: library/loans.py
    text: |
      `fine(days)` is a quarter for each day.
    criteria:
      - overdue books cost a fine
      - id: AC2
        text: a quarter a day
        examples:
          - {call: fine(10), gives: 2.5}
          - {call: fine(-1), raises: "ValueError: negative"}
          - call: "fine(days)"
            rows:
              - [0, 0.0]
              - [4, 1.0]
          - |
            >>> from library.loans import fine
            >>> fine(8)
            2.0
  - id: R2
    title: The desk asks
    module: library/desk.py
    depends_on: [R1]
    files:
      books.csv: |
        title
        Emma
    criteria:
      - text: it prints the fine
        examples:
          - run: python -m library.desk
            input: |
              10
            prints: "2.5"
            exit: 3
"""
MARKDOWN = """\
---
title: Library loans
id: loans
budget: {minutes: 60, turns: 5}
---

The desk of a small library.

## Requirements

### R1: Fines
Module: library/loans.py

`fine(days)` is a quarter for each day.

- AC1: overdue books cost a fine
- AC2: a quarter a day

  ```python
  >>> from library.loans import fine
  >>> fine(10)
  2.5
  ```

  ```python
  >>> from library.loans import fine
  >>> fine(-1)
  Traceback (most recent call last):
  ValueError: negative
  ```

  | `fine(days)` | => |
  |---|---|
  | 0 | 0.0 |
  | 4 | 1.0 |

  ```python
  >>> from library.loans import fine
  >>> fine(8)
  2.0
  ```

### R2: The desk asks
Module: library/desk.py
Depends on: R1

```csv books.csv
title
Emma
```

- AC1: it prints the fine

  ```console
  $ python -m library.desk << END
  10
  END
  2.5
  (exit 3)
  ```
"""


def without_lines(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(without_lines(each) for each in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    new = {field.name: without_lines(getattr(value, field.name)) for field in fields(value)}
    return replace(value, **(new | ({"line": 0} if "line" in new else {})))


def prd(text: str, path: str) -> Prd:
    reading = forms.read(text, path)
    assert [problem for problem in reading.problems if problem.severity == "error"] == []
    return reading.prd


def test_yaml_and_json_say_the_same_as_markdown() -> None:
    import yaml

    told = without_lines(replace(prd(MARKDOWN, "prds/loans.md"), path="", fingerprint=""))
    assert without_lines(replace(prd(YAML, "prds/loans.yaml"), path="", fingerprint="")) == told
    as_json = json.dumps(yaml.safe_load(YAML), indent="\t")
    assert without_lines(replace(prd(as_json, "prds/loans.json"), path="", fingerprint="")) == told


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_every_value_knows_the_line_of_its_own_file() -> None:
    found = prd(YAML, "prds/loans.yaml")
    first, second = found.requirements
    assert [first.line, second.line] == [line_of(YAML, "id: R1"), line_of(YAML, "id: R2")]
    assert [criterion.line for criterion in first.criteria] == [line_of(YAML, "overdue books"), line_of(YAML, "id: AC2")]
    parts = ("fine(10)", "fine(-1)", "[0, 0.0]", "[4, 1.0]", "fine(8)")
    assert [example.line for example in first.criteria[1].examples] == [line_of(YAML, part) for part in parts]
    assert second.criteria[0].examples[0].line == line_of(YAML, "run: python")
    assert forms.read(YAML, "prds/loans.yaml").lines["budget.turns"] == line_of(YAML, "turns: 5")


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("priorty: 3\n", "", "unknown-key", "did you mean `priority`?"),
        ("text: a quarter a day", "txt: a quarter a day", "unknown-key", "unknown key `txt` of a criterion, did you mean `text`?"),
        ("{call: fine(10), gives: 2.5}", "{call: fine(10)}", "bad-example", "one answer"),
        ("text: a quarter a day", "text: a quarter: a day", "bad-yaml", "not valid YAML: mapping values are not allowed"),
        ("{call: fine(10), gives: 2.5}", "{call: fine(10, gives: 2.5}", "bad-example", "'(' was never closed"),
        ("{call: fine(10), gives: 2.5}", "fine(10) is 2.5", "bad-example", "begins with `fine(10) is 2.5`"),
        ("[4, 1.0]", "4", "bad-example", "a row is a list"),
        ("turns: 5", "turns: many", "wrong-type", "`budget.turns` is 'many', expected a whole number"),
        ("depends_on: [R1]", "depends_on: [R7]", "unknown-dependency", "depends on `R7`"),
        ("gives: 2.5}", "gives: *x}", "yaml-bomb", "the alias `*x` is refused"),
    ],
)
def test_what_is_wrong_is_named_with_the_line_of_the_file(old: str, new: str, code: str, said: str) -> None:
    text = YAML.replace(old, new, 1) if new else YAML.replace("title: Library", f"{old}title: Library", 1)
    found = [problem for problem in forms.read(text, "prds/loans.yaml").problems if problem.code == code]
    assert found and said in found[0].message, forms.read(text, "prds/loans.yaml").problems
    assert found[0].line == line_of(text, new or old.strip())


def test_lines_in_the_words_of_a_problem_are_those_of_the_file() -> None:
    text = YAML.replace("id: R2", "id: R1")
    (problem,) = [each for each in forms.read(text, "prds/loans.yaml").problems if each.code == "duplicate-identifier"]
    lines = [number for number, line in enumerate(text.splitlines(), 1) if "id: R1" in line]
    assert problem.line == lines[1]
    assert f"on lines {lines[0]} and {lines[1]}" in problem.message


@pytest.mark.parametrize(
    ("text", "path"), [("title: a\nid: x\ntitle: b\nrequirements: []\n", "a.yaml"), ('{"title": "a",\n"id": "x",\n"title": "b"}', "a.json")]
)
def test_a_key_that_is_given_twice_is_an_error_and_loses_nothing_in_silence(text: str, path: str) -> None:
    (problem,) = [each for each in forms.read(text, path).problems if each.code == "duplicate-key"]
    assert (problem.line, problem.severity, problem.message) == (3, "error", "`title` is given twice, first on line 1")


@pytest.mark.parametrize(("text", "line"), [('{\n  "title": "x",\n  "requirements": [,]\n}', 3), ("{", 1), ('{"a": 1}}', 1)])
def test_json_that_is_none_names_the_line(text: str, line: int) -> None:
    (problem, *_) = forms.read(text, "prds/a.json").problems
    assert (problem.code, problem.line, problem.severity) == ("bad-json", line, "error")


def test_letters_that_json_writes_in_its_own_way_come_through() -> None:
    text = '{\n\t"title": "caf\\u00e9 \\ud83d\\ude00 \\/ \\\\ \\"x\\"",\n\t"requirements": []\n}'
    assert forms.read(text, "a.json").prd.title == 'café 😀 / \\ "x"'


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["title", "id", "requirements", "criteria", "examples", "call", "rows", "gives", "run", "files", "text", "tasks", "userStories", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(["title", "requirements", "context", "tasks", "userStories", "budget", "id", "y"]), values, max_size=5),
    st.booleans(),
)
def test_whatever_stands_in_a_file_it_is_read_or_refused_and_lines_are_in_it(value: dict[str, Any], spread: bool) -> None:
    text = json.dumps(value, indent=2 if spread else None)
    reading = forms.read(text, "prds/any.json")
    count = text.count("\n") + 1
    assert all(0 <= problem.line <= count for problem in reading.problems)
    assert all(1 <= requirement.line <= count for requirement in reading.prd.requirements)


TASKS = """\
{
  "master": {
    "tasks": [
      {
        "id": 1,
        "title": "Set up the shelf",
        "description": "A shelf holds books.",
        "details": "Use a dict.",
        "testStrategy": "Put a book in and find it again.",
        "priority": "high",
        "dependencies": [],
        "status": "done",
        "subtasks": [
          {"id": 1, "title": "Add a book", "description": "by its title"}
        ]
      },
      {"id": 2, "title": "Lend a book", "description": "", "dependencies": [1], "subtasks": []}
    ],
    "metadata": {"projectName": "Library"}
  }
}
"""


def test_a_task_master_file_is_read() -> None:
    found = prd(TASKS, "prds/tasks.json")
    first, second = found.requirements
    assert (found.title, first.key, first.title, first.priority, second.depends_on) == ("Library", "TM-1", "Set up the shelf", "high", ("TM-1",))
    assert "A shelf holds books." in first.text and "Use a dict." in first.text
    assert [criterion.text for criterion in first.criteria] == ["Add a book: by its title", "Put a book in and find it again."]
    assert [first.line, second.line] == [line_of(TASKS, '"id": 1,'), line_of(TASKS, '"id": 2,')]
    assert first.criteria[0].line == line_of(TASKS, "Add a book")


def test_a_ralph_file_is_read() -> None:
    text = json.dumps(
        {
            "project": "Library",
            "branchName": "ralph/loans",
            "userStories": [
                {"id": "US-001", "title": "Lend", "description": "As a desk …", "acceptanceCriteria": ["a book is lent", "once"], "priority": 1}
            ],
        },
        indent=2,
    )
    (story,) = prd(text, "prds/prd.json").requirements
    assert (story.key, story.title, story.priority, [criterion.text for criterion in story.criteria]) == (
        "US-001",
        "Lend",
        "1",
        ["a book is lent", "once"],
    )


def test_a_file_that_is_something_else_is_left_alone_and_noted(tmp_path: Path) -> None:
    (tmp_path / "prds").mkdir()
    (tmp_path / "prds" / "package.json").write_text('{"name": "x", "version": "1"}')
    (tmp_path / "prds" / "loans.yaml").write_text(YAML)
    found = scan(tmp_path, Config())
    assert [(each.path, each.state) for each in found.files] == [("prds/loans.yaml", "accepted")]
    assert [(each.path, each.code, each.severity) for each in found.problems if each.path == "prds/package.json"] == [
        ("prds/package.json", "no-prd", "note")
    ]


def test_a_prd_in_yaml_runs(place: Workplace) -> None:
    (place.root / "prds").mkdir(exist_ok=True)
    (place.root / "prds" / "loans.yaml").write_text(YAML[: YAML.index("  - id: R2")].replace("      - overdue books cost a fine\n", ""))
    place.agent("def turn(brief, folder):\n    (folder / 'library').mkdir(exist_ok=True)\n    (folder / 'library/loans.py').write_text(CODE)\n"
                "CODE = '''def fine(days):\\n    if days < 0:\\n        raise ValueError('negative')\\n    return days * 0.25\\n'''\n")  # fmt: skip
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.states("loans") == {"loans#R1": "done"}


def test_markdown_stays_markdown() -> None:
    assert forms.read(MARKDOWN, "prds/loans.md") == markdown.read(MARKDOWN, "prds/loans.md")


def test_the_example_in_the_document_is_read() -> None:
    page = (REPOSITORY / "docs" / "prd-format.md").read_text(encoding="utf-8")
    text = page.partition("## YAML and JSON")[2].partition("```yaml\n")[2].partition("\n```\n")[0]
    found = prd(text + "\n", "prds/loans.yaml")
    assert [len(criterion.examples) for requirement in found.requirements for criterion in requirement.criteria] == [0, 5, 1]
