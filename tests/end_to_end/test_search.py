"""The search for a candidate with a chat model: another way of asking each time, hotter each time, and the same again from a recording."""

from __future__ import annotations

import yaml

from tests.agents.chat_server import Reply, serve
from tests.conftest import Workplace

PRD = """\
---
title: Runs
---

# Runs

Letters in a row are written as their number and the letter.

## Requirements

### R1: Pack and unpack
Module: runs.py

- AC1: packing

  | `pack(text)` | => |
  |---|---|
  | "" | "" |
  | "aab" | "2a1b" |
  | "zzz" | "3z" |

- AC2: unpacking

  | `unpack(text)` | => |
  |---|---|
  | "" | "" |
  | "2a1b" | "aab" |
  | "3z" | "zzz" |
"""
PACK = "from itertools import groupby\n\n\ndef pack(text):\n    return ''.join(f'{len(list(same))}{letter}' for letter, same in groupby(text))\n"
UNPACK = "\n\ndef unpack(text):\n    return ''.join(letter * int(count) for count, letter in zip(text[::2], text[1::2], strict=True))\n"


def answer(text: str) -> Reply:
    return Reply(f"```python runs.py\n{text}```\n", usage={"prompt_tokens": 100, "completion_tokens": 50})


def test_a_small_model_writes_one_function_after_the_other_and_a_replay_does_the_same(place: Workplace) -> None:
    place.prd("runs", PRD)
    with serve(answer(PACK), answer(UNPACK.lstrip())) as server:
        place.configure(agents={"small": {"type": "chat", "url": server.url, "model": "coder-1.5b"}}, record=True)
        done = place.command("run")
        assert done.returncode == 0, done.stdout + done.stderr
        first, second = (request["messages"][1]["content"] for request in server.requests)
    assert "Write `pack`" in first and "Write `unpack`" not in first and "unpack(" not in first
    assert "Write `unpack`" in second and "def pack(text)" in second, "it sees what it wrote the turn before"
    (attempt,) = place.task("runs", "runs#R1")["attempts"]
    assert (attempt["verdict"], attempt["way"], len(attempt["turns"])) == ("passed", "one function", 2)
    assert "runs.py: pack, written before and left out of this answer, was put back" in attempt["turns"][1]["notes"]
    page = next(path for path in (place.root / "site").rglob("*.html") if "Attempt 1" in path.read_text(encoding="utf-8"))
    assert "one function after the other" in page.read_text(encoding="utf-8")

    other = Workplace(place.root.parent / "other")
    other.prd("runs", PRD)
    (place.root / "recordings").rename(other.root / "recordings")
    again = other.command("run", "--no-site")
    assert again.returncode == 0, again.stdout + again.stderr
    (replayed,) = other.task("runs", "runs#R1")["attempts"]
    assert (replayed["way"], [turn["kind"] for turn in replayed["turns"]]) == ("one function", ["recorded"] * 2)


def test_each_candidate_is_asked_for_in_another_way_and_hotter(place: Workplace) -> None:
    place.prd("runs", PRD)
    wrong = [answer(PACK + f"\n\ndef unpack(text):\n    return 'wrong{number}'\n") for number in range(7)]
    with serve(*wrong, answer(PACK + UNPACK)) as server:
        agent = {"type": "chat", "url": server.url, "model": "coder-large"}
        place.configure(agents={"large": agent}, limits={"attempts": 8})
        done = place.command("run", "--no-site")
        requests = list(server.requests)
    attempts = place.task("runs", "runs#R1")["attempts"]
    assert done.returncode == 0, done.stdout + done.stderr
    assert [attempt["way"] for attempt in attempts] == ["whole", "findings", "explain", "one function", "failure", "fresh", "findings"]
    assert [len(attempt["turns"]) for attempt in attempts] == [1, 1, 1, 2, 1, 1, 1]
    assert [request["temperature"] for request in requests] == [0.0, 0.3, 0.6, 0.9, 0.9, 0.9, 0.9, 0.9]
    assert len({yaml.safe_dump(request["messages"]) for request in requests}) == len(requests), "no question is asked twice"
    (figures,) = place.runs("runs")[-1]["agents"]
    keys = ("role", "agent", "kind", "turns", "candidates", "passed", "refused", "solved")
    assert [figures[key] for key in keys] == ["code", "large", "chat", 8, 7, 1, 6, 1]
    assert (figures["input_tokens"], figures["output_tokens"], figures["unknown_tokens"]) == (800, 400, 0)
    failure = requests[5]["messages"][1]["content"]
    assert "return 'wrong4'" in failure and "AC1: packing" not in failure, "the last answer is shown, with the rule that it breaks"


def test_a_model_is_told_when_its_answer_was_cut_off(place: Workplace) -> None:
    place.prd("runs", PRD)
    cut = Reply(f"```python runs.py\n{PACK}", usage={"prompt_tokens": 100, "completion_tokens": 50}, finish="length")
    with serve(cut, answer(PACK + UNPACK)) as server:
        place.configure(agents={"local": {"type": "chat", "url": server.url, "model": "coder-large"}})
        done = place.command("run", "--no-site")
        second = server.requests[1]["messages"][1]["content"]
    assert done.returncode == 0, done.stdout + done.stderr
    first = place.task("runs", "runs#R1")["attempts"][0]
    message = "the answer came to its token limit before a file was whole, and nothing of it was taken: it must be shorter"
    assert [(each["gate"], each["message"]) for each in first["findings"]] == [("no progress", message)]
    assert f"- no progress: {message}" in second


def test_what_a_model_forgets_is_put_right_and_said(place: Workplace) -> None:
    place.prd("runs", PRD)
    code = PACK.replace("from itertools import groupby\n\n\n", "") + UNPACK + "\n\nfrom runs import pack\n\nassert pack('a') == 'b'\n"
    with serve(answer(code)) as server:
        place.configure(agents={"local": {"type": "chat", "url": server.url, "model": "coder-large"}})
        done = place.command("run", "--no-site")
    assert done.returncode == 0, done.stdout + done.stderr
    (attempt,) = place.task("runs", "runs#R1")["attempts"]
    put_in = "runs.py: put in what is used and was not imported: from itertools import groupby"
    left_out = "runs.py: left out the import of itself in line 9, the assertion in line 11"
    assert [note for note in attempt["turns"][0]["notes"] if note.startswith("runs.py: ")] == [left_out, put_in]
    assert "assert pack('a') == 'b'" in attempt["turns"][0]["transcript"]["inline"], "the answer is kept as it was given"
    assert place.git("runs", "show", "prd/runs:runs.py").startswith("from itertools import groupby\n")


TWO_FILES = PRD.replace("Module: runs.py\n", "").replace(
    PRD[PRD.index("- AC1") :],
    """- AC1: packing

  ```python
  >>> from packing import pack
  >>> pack("aab")
  '2a1b'
  >>> pack("zzz")
  '3z'
  ```

- AC2: unpacking

  ```python
  >>> from unpacking import unpack
  >>> unpack("2a1b")
  'aab'
  >>> unpack("3z")
  'zzz'
  ```
""",
)


def file(path: str, text: str) -> str:
    return f"{path}\n```python\n{text.strip()}\n```\n\n"


def test_what_is_written_in_one_turn_or_attempt_stays_when_the_next_answers_with_another_file(place: Workplace) -> None:
    place.prd("runs", TWO_FILES)
    with serve(Reply(file("packing.py", PACK)), Reply(file("unpacking.py", UNPACK))) as server:
        place.configure(agents={"small": {"type": "chat", "url": server.url, "model": "coder-1.5b"}})
        done = place.command("run", "--no-site")
    assert done.returncode == 0, done.stdout + done.stderr
    (attempt,) = place.task("runs", "runs#R1")["attempts"]
    assert (attempt["way"], len(attempt["turns"])) == ("one function", 2)

    other = Workplace(place.root.parent / "other")
    other.prd("runs", TWO_FILES)
    wrong = [Reply(file("packing.py", PACK) + file("unpacking.py", f"def unpack(text):\n    return 'wrong{number}'")) for number in range(5)]
    with serve(*wrong, Reply(file("unpacking.py", UNPACK))) as server:
        other.configure(agents={"large": {"type": "chat", "url": server.url, "model": "coder-large"}}, limits={"attempts": 5})
        done = other.command("run", "--no-site")
    assert done.returncode == 0, done.stdout + done.stderr
    attempts = other.task("runs", "runs#R1")["attempts"]
    assert [attempt["way"] for attempt in attempts][3:] == ["one function", "failure"], "it was shown its last answer and mended one file"


def test_an_answer_that_is_shown_and_given_again_is_known(place: Workplace) -> None:
    place.prd("runs", PRD)
    wrong = [answer(PACK + f"\n\ndef unpack(text):\n    return 'wrong{number}'\n") for number in (0, 1, 2, 3, 3, 3)]
    with serve(*wrong) as server:
        place.configure(agents={"large": {"type": "chat", "url": server.url, "model": "coder-large"}}, limits={"attempts": 5})
        done = place.command("run", "--no-site")
    assert done.returncode == 1, done.stdout + done.stderr
    last = place.task("runs", "runs#R1")["attempts"][-1]
    assert last["way"] == "failure" and last["findings"][-1]["message"] == "the same answer as in attempt 4; it was not tested again"


def test_a_kill_between_two_functions_costs_no_turn_that_returned(place: Workplace) -> None:
    place.prd("runs", PRD)
    with serve(answer(PACK), answer(UNPACK.lstrip())) as server:
        place.configure(agents={"small": {"type": "chat", "url": server.url, "model": "coder-1.5b"}})
        assert place.command("run", "--no-site", TDD_KILL_AT="after turn returned:1").returncode == -9
        assert len(server.requests) == 1
        done = place.command("run", "--no-site")
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(server.requests) == 2, "the first function is not asked for again"
    (attempt,) = place.task("runs", "runs#R1")["attempts"]
    assert (attempt["verdict"], len(attempt["turns"])) == ("passed", 2)
