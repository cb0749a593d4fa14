"""Console fences: each command is an example."""

import subprocess
from pathlib import Path

import pytest

from orchestrator.inbox.markdown import parse
from orchestrator.model import Example, Problem

from .prds import requirement


def read(*lines: str, language: str = "console") -> tuple[list[Example], tuple[Problem, ...]]:
    body = f"- AC1: asks\n\n  ```{language}\n" + "".join(f"  {line}\n" for line in lines) + "  ```\n"
    prd, problems = parse(requirement(body), "asks.md")
    return ([example for each in prd.requirements[0].criteria for example in each.examples] if prd else []), problems


def examples(*lines: str) -> list[Example]:
    found, problems = read(*lines)
    assert not [problem for problem in problems if problem.severity == "error"]
    return found


@pytest.mark.parametrize("language", ["console", "shell-session"])
def test_each_command_is_an_example_and_those_before_it_are_its_setup(language: str) -> None:
    found, _ = read("$ echo a", "a  ", "", "b", "", "$ false", "(exit 1)", "$ true", language=language)
    assert [(each.compare, each.setup, each.call, each.expected, each.exit_code, each.line) for each in found] == [
        ("console", (), "echo a", "a\n\nb", 0, 9),
        ("console", ("echo a",), "false", "", 1, 14),
        ("console", ("echo a", "false"), "true", "", 0, 16),
    ]


@pytest.mark.parametrize(
    ("lines", "call", "stdin", "expected"),
    [
        (["$ cat <<END", "one", "  two", "END", "out"], "cat", "one\n  two\n", "out"),
        (["$ cat <<'END'", "one", "END"], "cat", "one\n", ""),
        (["$ cat <<END | sort", "one", "END"], "cat | sort", "one\n", ""),
        (["$ cat <<< 'a b'", "a b"], "cat", "a b\n", "a b"),
        (["$ cat << 'a b'", "a b"], "cat", "a b\n", "a b"),
        (['$ cat <<< "it\'s" -n'], "cat -n", "it's\n", ""),
        (["$ echo 'a << b'", "a << b"], "echo 'a << b'", "", "a << b"),
        (["$ echo a \\", "> b", "a b"], "echo a b", "", "a b"),
        (["$ echo (exit 3)"], "echo (exit 3)", "", ""),
    ],
)
def test_standard_input_is_taken_out_of_the_command(lines: list[str], call: str, stdin: str, expected: str) -> None:
    [found] = examples(*lines)
    assert (found.call, found.stdin, found.expected) == (call, stdin, expected)


def test_setup_commands_keep_their_input_in_a_form_every_shell_runs(tmp_path: Path) -> None:
    _, second = examples("$ cat > a.txt <<< 'END'", "$ cat a.txt", "END")
    ran = subprocess.run(["sh", "-c", "\n".join([*second.setup, second.call])], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == "END\n"


@pytest.mark.parametrize("line", ["$ cat <<END", "$ echo 'a", "$ cat << "])
def test_a_command_that_cannot_be_read_is_an_error_on_its_line(line: str) -> None:
    found, problems = read(line, "$ true")
    errors = [(each.line, each.code) for each in problems if each.severity == "error"]
    assert (found, errors) == ([], [(9, "bad-example")])


def test_input_files_reach_the_examples_they_stand_with() -> None:
    text = """\
## Requirements

```csv all.csv
1
```

### R1: A

```csv some.csv
2
```

- AC1: a

  ```text one.txt
  3
  ```

  ```console
  $ ls
  ```

- AC2: b

  ```json all.csv
  4
  ```

  ```console
  $ cat all.csv
  4
  ```

### R2: B

- AC1: c

  ```console
  $ ls
  all.csv
  ```
"""
    prd, problems = parse(text, "files.md")
    assert prd, problems
    files = {
        example.id: {file.name: (file.text, file.line) for file in example.files}
        for each in prd.requirements
        for one in each.criteria
        for example in one.examples
    }
    assert files == {
        "files#R1.AC1/1": {"all.csv": ("1\n", 3), "some.csv": ("2\n", 9), "one.txt": ("3\n", 15)},
        "files#R1.AC2/1": {"all.csv": ("4\n", 25), "some.csv": ("2\n", 9)},
        "files#R2.AC1/1": {"all.csv": ("1\n", 3)},
    }
    assert "all.csv" not in prd.context
