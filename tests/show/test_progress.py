"""How far a run is, from what it tells; and what is drawn of it, in terminals of every size."""

from __future__ import annotations

import io
import re
import threading
from pathlib import Path
from typing import get_args

import pytest
from rich.console import Console

from orchestrator.save.run_log import HELD, RunLogs, cleaned
from orchestrator.save.told_line import ToldLine, line
from orchestrator.show.console.live import picture
from orchestrator.show.console.progress import Progress, Row, clock, short
from orchestrator.telling import FACTS, Kind, Told
from tests.conftest import REPOSITORY


def told(kind: Kind, task: str = "", at: float = 100.0, /, *, text: str = "", project: str = "loans", **facts: object) -> Told:
    return Told(text, kind, project, "loans", task, at, facts)


def turn(kind: str = "chat", tokens: int | None = 600, usd: float | None = 0.01, error: str = "") -> tuple[Told, Told]:
    about = {"role": "code", "step": "write_code", "attempt": 2, "turn": 1, "agent": "local", "kind": kind}
    used = {"seconds": 1.0, "input_tokens": tokens, "output_tokens": tokens, "usd": usd, "error": error}
    return told("turn began", "loans#R1", 110, **about), told("turn ended", "loans#R1", 111, **about, **used)


def at_work() -> Progress:
    """One project of five tasks, one done, one running and one failed; its second turn is under way."""
    progress = Progress(90.0)
    progress.take(told("project began", run="r", tasks={"ready": 3, "done": 1, "failed": 1}))
    progress.take(told("task began", "loans#R1", 105, goal="Lend", tasks={"ready": 3, "done": 1, "failed": 1}))
    for each in (*turn(), turn()[0]):
        progress.take(each)
    return progress


def test_a_project_its_task_and_the_turn_under_way_are_shown() -> None:
    progress = at_work()
    assert progress.rows(120.0, 9) == [
        Row("loans", "1 failed", 20.0, 1, 5),
        Row("  loans#R1", "writing code, attempt 2 (local)", 15.0),
    ]
    assert progress.summary(150.0) == "1/5 tasks · 1 turn + 1 · 1.2k tokens · 0.01 USD · 1:00"


def test_what_has_ended_is_gone_and_stays_counted() -> None:
    progress = at_work()
    progress.take(told("task ended", "loans#R1", 130, state="done", tasks={"ready": 2, "done": 2, "failed": 1}))
    assert progress.rows(140.0, 9) == []
    progress.take(told("validated", "", 131))
    assert [row.words for row in progress.rows(140.0, 9)] == ["1 failed", "looking at the branch as a whole"]
    progress.take(told("project ended", "", 132, run="r", outcome="failed"))
    assert progress.rows(140.0, 9) == []
    assert progress.summary(140.0).startswith("2/5 tasks")
    progress.take(told("project began", "", 150, run="r2", tasks={"ready": 1, "done": 4}))
    progress.take(told("task began", "loans#R5", 151))
    assert progress.rows(160.0, 9)[0] == Row("loans", "", 10.0, 4, 5), "it is worked on again"


def test_replayed_answers_cost_nothing_and_what_is_not_known_is_said() -> None:
    progress = Progress(0.0)
    for each in turn("recorded"):
        progress.take(each)
    assert progress.summary(1.0) == "0/0 tasks · 1 turn · 0:01"
    for each in turn("command", None, None):
        progress.take(each)
    assert "≥ 0 tokens" in progress.summary(1.0)


def test_more_than_there_is_room_for_is_counted() -> None:
    progress = Progress(0.0)
    for number in range(20):
        progress.take(told("task began", f"loans#R{number}", tasks={"running": 20}))
    rows = progress.rows(100.0, 5)
    assert len(rows) == 5
    assert rows[-1].name == "… and 17 more"


@pytest.mark.parametrize("width", [1, 8, 20, 40, 59, 60, 80, 250])
@pytest.mark.parametrize("height", [2, 5, 24])
def test_what_is_drawn_fits_into_every_terminal(width: int, height: int) -> None:
    progress = at_work()
    for number in range(30):
        progress.take(told("task began", f"a-rather-long-name-of-a-prd#R{number}", goal="宽" * 50, tasks={"running": 30}))
    stream = io.StringIO()
    console = Console(file=stream, width=width, height=height, force_terminal=True, color_system=None, markup=False, emoji=False)
    console.print(picture(progress, 200.0, width, height), end="")
    lines = stream.getvalue().splitlines()
    assert len(lines) <= max(2, height)
    assert all(len(each.rstrip()) <= width for each in lines)


def test_nothing_that_is_shown_is_markup_or_steers_the_terminal() -> None:
    progress = Progress(0.0)
    progress.take(told("task began", "[bold red]R1[/] :smile: \x1b[2J\x07", project="[link=x]p", tasks={"running": 1}))
    stream = io.StringIO()
    Console(file=stream, width=100, force_terminal=True, color_system=None, markup=False, emoji=False).print(picture(progress, 1.0, 100, 24))
    drawn = stream.getvalue()
    assert "[link=x]p" in drawn and "[bold red]R1[/] :smile:" in drawn
    assert "\x1b[2J" not in drawn and "\x07" not in drawn


def test_clocks_and_numbers() -> None:
    assert [clock(seconds) for seconds in (-1, 7.9, 760, 3723)] == ["0:00", "0:07", "12:40", "1:02:03"]
    assert [short(number) for number in (950, 12_345, 4_500_000)] == ["950", "12.3k", "4.5M"]


# --- lines of JSON, and the log ------------------------------------------------------------------------------------------


def test_a_line_of_json_is_one_line_of_ascii_that_fits_its_schema() -> None:
    text = line(Told("two\nlines \x1b[31m \ud800 ü", "note", "p", facts={"path": Path("a"), "states": {"done": 1}}))
    assert text.isascii() and text.isprintable()
    read = ToldLine.model_validate_json(text.replace("\\ud800", "?"))
    assert (read.v, read.kind, read.project, read.facts) == (1, "note", "p", {"path": "a", "states": {"done": 1}})


def test_the_page_about_running_tells_every_kind_and_its_facts() -> None:
    page = (REPOSITORY / "docs" / "running.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z ]+)` \| (.*?) \|$", page.partition("## Lines of JSON")[2].partition("\n## ")[0], re.MULTILINE)
    assert rows == [(kind, FACTS.get(kind, "")) for kind in get_args(Kind)]
    (example,) = re.findall(r"```json\n(.*)\n```", page)
    assert ToldLine.model_validate_json(example).kind == "task began"


def test_a_log_begins_with_the_first_work_and_holds_what_came_before(tmp_path: Path) -> None:
    logs = RunLogs(tmp_path, 10_000)
    logs(told("run began", project="", run="all"))
    logs(told("project began", run="r1", tasks={}))
    logs(told("note", text="before"))
    assert list(tmp_path.rglob("*")) == [], "nothing has happened yet"
    logs(told("task began", "loans#R1", text="begins"))
    logs(told("project ended", run="r1", outcome="done"))
    (path,) = (tmp_path / "loans" / "reports").iterdir()
    kept = [ToldLine.model_validate_json(each) for each in path.read_text("ascii").splitlines()]
    assert (path.name, [each.kind for each in kept]) == ("r1.jsonl", ["project began", "note", "task began", "project ended"])


def test_a_run_that_leaves_no_report_leaves_no_log(tmp_path: Path) -> None:
    logs = RunLogs(tmp_path, 10_000)
    logs(told("project began", run="r1", tasks={}))
    logs(told("gate", phase=1))
    logs(told("project ended", run="", outcome="done"))
    logs(told("project began", run="r2", tasks={}))
    logs(told("project ended", run="", outcome="done"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    logs(told("project began", run="r3", tasks={}))
    logs(told("project ended", run="r3", outcome="done"))
    assert [path.name for path in tmp_path.rglob("*.jsonl")] == ["r3.jsonl"], "and one that does has one, whatever it told"


def test_a_log_is_bounded_and_says_so_though_many_threads_write_it(tmp_path: Path) -> None:
    logs = RunLogs(tmp_path, 20_000)
    logs(told("project began", run="r1", tasks={}))
    threads = [threading.Thread(target=lambda: [logs(told("step", "loans#R1", step="x" * 50)) for _ in range(100)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logs(told("project ended", run="r1", outcome="done"))
    kept = [ToldLine.model_validate_json(each) for each in (tmp_path / "loans/reports/r1.jsonl").read_text("ascii").splitlines()]
    assert "the log is full" in kept[-2].text
    assert kept[-1].kind == "project ended"
    assert (tmp_path / "loans/reports/r1.jsonl").stat().st_size < 21_000


def test_what_is_held_in_memory_is_bounded_too(tmp_path: Path) -> None:
    logs = RunLogs(tmp_path, 10_000_000)
    logs(told("project began", run="r1", tasks={}))
    for _ in range(HELD + 50):
        logs(told("note", text="again"))
    logs(told("task began", "loans#R1"))
    assert len((tmp_path / "loans/reports/r1.jsonl").read_text().splitlines()) == HELD + 1


def test_a_log_that_cannot_be_written_ends_no_run(tmp_path: Path) -> None:
    (tmp_path / "loans").write_text("a file")
    logs = RunLogs(tmp_path, 10_000)
    logs(told("project began", run="r1", tasks={}))
    logs(told("task began", "loans#R1"))
    assert "cannot be written" in logs.broken


def test_keys_are_left_out_wherever_they_stand() -> None:
    found = cleaned(
        Told("a key", facts={"question": "key?", "list": ["key", {"deep": "key"}], "n": 1}), lambda text: text.replace("key", "[redacted]")
    )
    assert "key" not in str(found)
    assert found.facts["n"] == 1
