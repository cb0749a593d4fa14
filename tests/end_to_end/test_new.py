"""`orchestrator new`: a PRD to fill in, which `check` accepts as it stands and `run` can make done."""

from __future__ import annotations

import pytest

from tests.conftest import Workplace

CODE = "def double(number):\n    if isinstance(number, str):\n        raise TypeError(f'not a number: {number}')\n    return number * 2\n"
CLI = "import sys\n\nfrom doubling import double\n\nif __name__ == '__main__':\n    print(double(int(sys.argv[1])))\n"


@pytest.mark.parametrize("more", [(), ("--phases", "3"), ("--modules",), ("--api",), ("--phases", "1", "--modules", "--api", "--project", "both")])
def test_check_accepts_what_new_writes(place: Workplace, more: tuple[str, ...]) -> None:
    (place.root / "prds").mkdir(exist_ok=True)
    written = place.command("new", "Doubling: numbers, twice", *more)
    assert written.returncode == 0, written.stderr
    done = place.command("check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 set aside, 0 problems and notes" in done.stdout and "readiness 100 of 100" in done.stdout, done.stdout
    assert "draft" in place.command("check", "--json").stdout


def test_what_new_writes_runs_once_it_is_no_draft(place: Workplace) -> None:
    (place.root / "prds").mkdir(exist_ok=True)
    assert place.command("new", "Doubling", "--api").returncode == 0
    path = place.root / "prds" / "doubling.md"
    path.write_text("\n".join(line for line in path.read_text().split("\n") if not line.startswith("draft")))
    place.agent(
        f"FILES = {{'doubling.py': {CODE!r}, 'doubling_cli.py': {CLI!r}}}\n"
        "def turn(brief, folder):\n    for name in brief.writable:\n        (folder / name).write_text(FILES[name])\n"
    )
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.states("doubling") == {"doubling#R1": "done", "doubling#R2": "done"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("Doubling",), "is there already"),
        (("Other", "--file", "../other"), "cannot be the name of a PRD"),
        ((" ",), "the title is empty"),
        (("Other", "--phases", "99"), "--phases 99: from 0 to 20"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(place: Workplace, arguments: tuple[str, ...], said: str) -> None:
    place.prd("doubling", "# Mine\n")
    done = place.command("new", *arguments)
    assert (done.returncode, [path.name for path in (place.root / "prds").iterdir()]) == (2, ["doubling.md"])
    assert said in done.stderr
    assert (place.root / "prds" / "doubling.md").read_text() == "# Mine\n"
