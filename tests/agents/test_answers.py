"""Whole files out of the forms in which models really answer."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.run.agents.answers import changes

CODE = "def f():\n    return 1\n"
FORMS = {
    "path after the language": f"```python leap.py\n{CODE}```",
    "path after a colon": f"```python:leap.py\n{CODE}```",
    "path alone": f"```leap.py\n{CODE}```",
    "title attribute": f'```python title="leap.py"\n{CODE}```',
    "file attribute": f"```py {{file=leap.py}}\n{CODE}```",
    "File: before": f"File: leap.py\n```python\n{CODE}```",
    "bold before": f"**leap.py**\n\n```python\n{CODE}```",
    "bold with colon before": f"**`leap.py`:**\n```python\n{CODE}```",
    "heading before": f"### leap.py\n\n```python\n{CODE}```",
    "numbered heading before": f"### 1. File: `leap.py`\n```python\n{CODE}```",
    "a sentence with the path before": f"Here is the updated `leap.py`, as you asked:\n```python\n{CODE}```",
    "dot slash": f"```python ./leap.py\n{CODE}```",
    "tildes": f"~~~python leap.py\n{CODE}~~~",
    "windows line ends": f"```python leap.py\n{CODE}```".replace("\n", "\r\n"),
    "bare path as first line": f"```python\nleap.py\n{CODE}```",
    "one fence without a name": f"Sure! Here it is:\n\n```python\n{CODE}```\n\nIt returns 1.",
    "one fence without a language": f"```\n{CODE}```",
    "one fence and an example of use": f"```python\n{CODE}```\nUse it:\n```python\n>>> f()\n1\n```\n```bash\npython leap.py\n```",
    "a call of it in a second fence": f"```python\n{CODE}```\nThen:\n```python\nprint(f())\n```",
    "no fence at all": CODE,
    "thoughts before": f"<think>maybe ```python\nx = 2\n``` hm</think>\n```python\n{CODE}```",
    "a fence that is never closed": f"```python leap.py\n{CODE}",
}


@pytest.mark.parametrize("answer", FORMS.values(), ids=FORMS)
def test_the_single_file_is_found_in(answer: str) -> None:
    found, notes = changes(answer, ("leap.py",), ())
    assert [(change.path, change.text) for change in found] == [("leap.py", CODE)]
    assert notes == ()


def test_a_path_in_a_comment_names_the_file_and_stays() -> None:
    found, _ = changes(f"```python\n# pkg/other.py\n{CODE}```", ("leap.py",), ())
    assert [(change.path, change.text) for change in found] == [("pkg/other.py", f"# pkg/other.py\n{CODE}")]


def test_several_files_are_found() -> None:
    answer = f"a.py\n```python\n{CODE}```\n\nb/c.py\n```python\nx = 1\n```\n### `data.csv`\n```csv\n1,2\n```\n"
    found, notes = changes(answer, ("a.py", "b/"), ())
    assert {change.path: change.text for change in found} == {"a.py": CODE, "b/c.py": "x = 1\n", "data.csv": "1,2\n"}
    assert notes == ()


def test_a_fence_inside_a_docstring_stays_in_the_file() -> None:
    text = 'def f():\n    """\n    ```python\n    f()\n    ```\n    """\n'
    found, _ = changes(f"```python leap.py\n{text.replace('    ```', '```')}```", ("leap.py",), ())
    assert found[0].text == text.replace("    ```", "```")


def test_two_fences_that_could_both_be_the_file_are_not_guessed() -> None:
    found, notes = changes("```python\ndef f(): return 1\n```\nor\n```python\ndef f(): return 2\n```", ("leap.py",), ())
    assert found == ()
    assert "several fences" in notes[0]


def test_half_a_file_is_not_written() -> None:
    for answer in ("```python leap.py\ndef f():\n    ret", "```python\ndef f():\n    ret"):
        found, notes = changes(answer, ("leap.py",), (), cut=True)
        assert found == ()
        assert "cut off at max_tokens" in notes[0]


def test_only_a_path_in_the_fence_is_no_file() -> None:
    found, notes = changes("```python\nleap.py\n```", ("leap.py",), ("leap.py",))
    assert found == ()
    assert notes


def test_a_bare_name_is_taken_as_the_file_below_the_source_root() -> None:
    found, notes = changes(f"```python leap.py\n{CODE}```", ("src/leap.py",), ())
    assert [change.path for change in found] == ["src/leap.py"]
    assert "was taken as" in notes[0]


def test_the_last_of_two_answers_for_a_file_is_taken_and_said() -> None:
    found, notes = changes(f"```python leap.py\nx = 1\n```\nBetter:\n```python leap.py\n{CODE}```", ("leap.py",), ())
    assert [change.text for change in found] == [CODE]
    assert "more than once" in notes[0]


@pytest.mark.parametrize("answer", ["", "I cannot do that.", "```bash\nrm -rf /\n```", "```python\n\n```"])
def test_an_answer_without_a_file_changes_nothing_and_says_so(answer: str) -> None:
    found, notes = changes(answer, ("leap.py",), ())
    assert found == ()
    assert len(notes) == 1


@pytest.mark.parametrize(
    "answer", ["```" + "a" * 900_000, "a.b/" * 200_000 + "\n```python\nx = 1\n```", "```python\n# " + "a" * 900_000 + "\n```", "(" * 900_000]
)
def test_a_huge_answer_is_read_at_once(answer: str) -> None:
    started = time.monotonic()
    changes(answer, ("leap.py",), ())
    assert time.monotonic() - started < 5


@given(st.text(alphabet="`~\n #ab.py/:\"'>", max_size=200))
def test_no_answer_breaks_the_reader(answer: str) -> None:
    found, _ = changes(answer, ("a.py",), ("b.py",))
    assert all(change.text is not None for change in found)
