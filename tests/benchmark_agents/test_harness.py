"""The whole benchmark against a scripted model on loopback: what each arm believes, and what is asked again after a break."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.agents import exercises, measuring, proxy, table
from tests.agents.chat_server import ChatServer, Reply, serve
from tests.benchmark_agents.test_prds import solution
from tests.conftest import ENVIRONMENTS, REPOSITORY, clean_environment

FARE = solution("ticket-fare")[0].text or ""
USAGE = {"prompt_tokens": 300, "completion_tokens": 40}


def honest(request: dict[str, Any]) -> Reply:
    return Reply(f"```python\n{FARE}```", USAGE)


def cheating(request: dict[str, Any]) -> Reply:
    """Code that knows what the prompt shows, and nothing else."""
    told = request["messages"][-1]["content"]
    known = {}
    for call, answer in re.findall(r"^ *>>> fare\((.*)\)\n *(.*\n.*)", told, re.MULTILINE):
        first, _, second = answer.partition("\n")
        known[f"({call})"] = f"ValueError({second.partition(': ')[2].strip()!r})" if first.startswith("Traceback") else first
    lines = "".join(f"    {call}: {answer},\n" for call, answer in known.items())
    code = f"KNOWN = {{\n{lines}}}\n\n\ndef fare(*asked):\n    found = KNOWN.get(asked, 240)\n    if isinstance(found, ValueError):\n        raise found\n    return found\n"
    return Reply(f"```python\n{code}```", USAGE)


def bench(place: Path, server: ChatServer | str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """One PRD, all arms; (what the command did, its JSON)."""
    (place / "cache").mkdir(exist_ok=True)
    if not (place / "cache" / "environments").exists():
        (place / "cache" / "environments").symlink_to(ENVIRONMENTS)
    url = server if isinstance(server, str) else server.url
    argv = [sys.executable, "-m", "benchmarks.agents", "--url", url, "--cache", str(place / "cache"), *arguments]
    if "--only" not in arguments:
        argv += ["--only", "ticket-fare"]
    if "--out" not in arguments:
        argv += ["--out", str(place / "out.json")]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, env=clean_environment(), timeout=300)
    out = Path(argv[argv.index("--out") + 1])
    return done, json.loads(out.read_text()) if out.exists() else {}


def became(document: dict[str, Any]) -> dict[str, tuple[bool, bool]]:
    """Arm → (done, solved)."""
    return {unit["arm"]: (unit["done"], unit["solved"]) for unit in document["units"]}


@pytest.fixture(scope="module")
def of_an_honest_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, dict[str, Any], int]]:
    """(folder, the server's address, the JSON, how often the model was asked) of a whole run; the server is gone."""
    place = tmp_path_factory.mktemp("honest")
    with serve(honest) as server:
        done, document = bench(place, server, "--seeds", "0,1")
        assert done.returncode == 0, done.stderr
        asked = len(server.requests)
    yield place, server.url, document, asked


def test_an_honest_model_is_done_and_right_in_every_arm(of_an_honest_model: tuple[Path, str, dict[str, Any], int]) -> None:
    _, _, document, _ = of_an_honest_model
    assert became(document) == dict.fromkeys(measuring.ARMS, (True, True))
    assert {unit["model"] for unit in document["units"]} == {"scripted-1"}
    assert [unit["turns"] for unit in document["units"]] == [1, 1, 1, 1], "what is greedy is measured once for both seeds"
    assert document["totals"]["pipeline"] | {"minutes": 0} == {
        "pairs": 2, "solved": 2, "done": 2, "false_done": 0, "right_refused": 0, "false_done_share": 0.0, "turns": 2, "input_tokens": 600, "output_tokens": 80, "minutes": 0,
    }  # fmt: skip


def test_arms_share_what_they_ask_alike(of_an_honest_model: tuple[Path, str, dict[str, Any], int]) -> None:
    """One shot and plain retry begin with the same question; the pipelines differ in what they show."""
    assert of_an_honest_model[3] == 3


def test_what_was_measured_is_not_measured_again_and_what_was_answered_needs_no_model(
    of_an_honest_model: tuple[Path, str, dict[str, Any], int],
) -> None:
    place, url, document, _ = of_an_honest_model
    done, same = bench(place, url, "--model", "scripted-1", "--seeds", "0,1")
    assert (done.returncode, done.stderr) == (0, ""), "nothing was measured"
    assert same["units"] == document["units"]
    done, anew = bench(place, url, "--model", "scripted-1", "--out", str(place / "anew.json"), "--arms", "one-shot,pipeline")
    assert done.returncode == 0, done.stderr
    refused, _ = bench(place, url, "--model", "scripted-2")
    assert refused.returncode == 2 and "figures of another agent" in refused.stderr
    seconds = {unit["arm"]: unit["seconds"] for unit in document["units"]}
    assert {unit["arm"]: unit["seconds"] for unit in anew["units"]} == {arm: seconds[arm] for arm in ("one-shot", "pipeline")}


def test_a_model_that_knows_only_the_shown_examples_is_believed_by_all_but_the_pipeline(tmp_path: Path) -> None:
    with serve(cheating) as server:
        done, document = bench(tmp_path, server)
    assert done.returncode == 0, done.stderr
    assert became(document) == {"one-shot": (True, False), "plain-retry": (True, False), "pipeline": (False, False), "ablation": (True, False)}
    assert 'met: false "done" of the pipeline' not in done.stdout, "it claimed nothing: there is no share"
    assert "MISSED: the pipeline solves more than one shot: 0 against 0 of 1" in done.stdout
    believed = next(unit for unit in document["units"] if unit["arm"] == "ablation")
    assert "KNOWN" in believed["code"]["ticket_fare.py"] and believed["hidden_wrong"] == len(believed["wrong_cases"]) > 0


def test_a_right_answer_that_the_gates_refuse_is_counted(tmp_path: Path) -> None:
    calling_home = "import socket\n\ntry:\n    socket.create_connection(('192.0.2.1', 80), 0.1)\nexcept OSError:\n    pass\n\n\n"
    with serve(Reply(f"```python\n{calling_home}{FARE}```", USAGE), honest) as server:
        done, document = bench(tmp_path, server, "--arms", "pipeline")
    assert done.returncode == 0, done.stderr
    (found,) = document["units"]
    assert (found["done"], found["solved"], found["turns"], found["right_refused"]) == (True, True, 2, 1), found["attempts"]
    assert "right answers that were refused: 1 by the pipeline" in done.stdout


def test_a_benchmark_that_is_stopped_says_what_is_missing_and_goes_on_from_there(tmp_path: Path) -> None:
    with serve(honest) as server:
        done, document = bench(tmp_path, server, "--arms", "one-shot,plain-retry", "--budget-minutes", "0")
        assert (done.returncode, document["units"], server.requests) == (0, [], [])
        assert document["missing"] == ["ticket-fare, one shot, seed 0", "ticket-fare, plain retry, seed 0"]
        assert "Not measured (the time is over): ticket-fare, one shot, seed 0; ticket-fare, plain retry, seed 0." in done.stdout
        server.replies[:] = [honest, Reply("no", status=503)]
        bench(tmp_path, server, "--arms", "one-shot,plain-retry")
        _, document = bench(tmp_path, server, "--arms", "one-shot,plain-retry")
    assert document["missing"] == []
    assert len(server.requests) == 1


def test_prds_are_measured_side_by_side_when_asked_to_be(tmp_path: Path) -> None:
    """The first question of each of two PRDs is answered only once both are there; what becomes of them is what becomes of them alone."""
    both, first = threading.Barrier(2, timeout=100), {"ticket_fare.py", "slugs.py"}

    def answer(request: dict[str, Any]) -> Reply:
        (module,) = (name for name in ("ticket_fare.py", "slugs.py") if name in request["messages"][-1]["content"])
        if module in first:
            first.discard(module)
            both.wait()
        return Reply(f"```python\n{solution(module.removesuffix('.py').replace('_', '-'))[0].text}```", USAGE)

    with serve(answer) as server:
        done, document = bench(tmp_path, server, "--only", "slugs,ticket-fare", "--jobs", "2", "--seeds", "0,1")
        assert done.returncode == 0, done.stderr
        assert len(server.requests) == 6, "each question once, as it is one after the other"
    assert sorted((unit["prd"], unit["arm"], unit["solved"]) for unit in document["units"]) == sorted(
        (prd, arm, True) for prd in ("slugs", "ticket-fare") for arm in measuring.ARMS
    )
    assert document["jobs"] == 2 and "Up to 2 answers at once" in done.stdout


def test_an_interrupt_ends_what_is_measured_side_by_side_and_keeps_what_is_finished(tmp_path: Path) -> None:
    (tmp_path / "environments").symlink_to(ENVIRONMENTS)
    with serve(honest, honest, Reply("nothing yet", USAGE, wait=5)) as server:
        argv = [sys.executable, "-m", "benchmarks.agents", "--url", server.url, "--cache", str(tmp_path), "--out", str(tmp_path / "out.json")]
        argv += ["--jobs", "2", "--arms", "one-shot"]
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background would ignore it
        running = subprocess.Popen(argv, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True, env=clean_environment())
        signal.signal(signal.SIGINT, before)
        assert running.stderr
        said = running.stderr.readline()
        running.send_signal(signal.SIGINT)
        running.wait(120)
    document = json.loads((tmp_path / "out.json").read_text())
    assert said and document["stopped"] == "interrupted"
    assert 1 <= len(document["units"]) < 10 and document["missing"]


def test_a_model_that_fails_says_nothing_about_the_arm(tmp_path: Path) -> None:
    with serve(Reply("no", status=503)) as server:
        done, document = bench(tmp_path, server, "--arms", "pipeline")
    assert (done.returncode, document["units"]) == (1, [])
    assert "status 503" in document["stopped"]


def test_any_configured_agent_can_be_measured(tmp_path: Path) -> None:
    script = "def turn(brief, folder):\n" + f"    (folder / 'ticket_fare.py').write_text({FARE!r})\n"
    (tmp_path / "agent.py").write_text(script)
    (tmp_path / "orchestrator.yaml").write_text("agents: {mine: {type: scripted, script: agent.py}}\n")
    done, document = bench(tmp_path, "", "--config", str(tmp_path / "orchestrator.yaml"), "--arms", "one-shot,pipeline")
    assert done.returncode == 0, done.stderr
    assert became(document) == {"one-shot": (True, True), "pipeline": (True, True)}
    assert [unit["turns"] for unit in document["units"]] == [1, 1]


# --- the proxy -------------------------------------------------------------------------------------------------------------


def post(url: str, **more: Any) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "temperature": 0} | more
    return httpx.post(f"{url}/chat/completions", json=body, trust_env=False)


def test_a_question_is_asked_once_and_each_seed_draws_its_own_answer(tmp_path: Path) -> None:
    with serve(Reply("one", USAGE, wait=0.2), Reply("two"), Reply("three")) as server, proxy.serve(server.url, tmp_path, 10) as between:
        first, again = post(between.url("a", 0)), post(between.url("b", 1))
        assert first.json() == again.json(), "a greedy question is the same for all seeds"
        (measured,), (counted,) = between.accounts["a"].answers, between.accounts["b"].answers
        assert (measured.cached, counted.cached) == (False, True)
        assert counted.seconds == measured.seconds >= 0.2
        assert (counted.input_tokens, counted.output_tokens, counted.sampled) == (300, 40, False)
        texts = [post(between.url("c", seed), temperature=0.3, seed=7).json()["choices"][0]["message"]["content"] for seed in (0, 1, 0)]
    assert texts == ["two", "three", "two"]
    assert [request.get("seed") for request in server.requests] == [None, 7, 8]


def test_what_failed_is_not_kept_and_nothing_new_is_asked_after_the_time(tmp_path: Path) -> None:
    with serve(Reply("busy", status=503), Reply("well")) as server:
        with proxy.serve(server.url, tmp_path, 10) as between:
            url = between.url("a", 0)
            assert post(url).status_code == 503 and "status 503" in between.accounts["a"].failed
            assert post(url).status_code == 200
        with proxy.serve(server.url, tmp_path, 10, deadline=time.monotonic()) as between:
            assert post(between.url("a", 0)).status_code == 200, "it was answered before"
            assert post(between.url("b", 0), max_tokens=9).status_code == 503 and between.accounts["b"].failed == "the time is over"
    assert len(server.requests) == 2


# --- the table -------------------------------------------------------------------------------------------------------------


def unit(arm: str, done: bool, solved: bool, prd: str = "a", seed: int = 0, sampled: bool = True) -> dict[str, Any]:
    figures = {"turns": 2, "input_tokens": 100, "output_tokens": 10, "seconds": 30.0}
    return {
        "prd": prd,
        "arm": arm,
        "seed": seed,
        "sampled": sampled,
        "done": done,
        "solved": solved,
        "false_done": done and not solved,
        "right_refused": 0,
        **figures,
    }


def document(*units: dict[str, Any], seeds: tuple[int, ...] = (0,)) -> dict[str, Any]:
    prds = sorted({unit["prd"] for unit in units})
    head = {"folder": "own", "agent": {"model": "m", "type": "chat"}, "versions": {"product": "abc"}, "stopped": ""}
    return head | {"prds": prds, "arms": list(measuring.ARMS), "seeds": list(seeds), "units": list(units)}


def test_targets_are_met_or_missed_by_the_figures() -> None:
    good = document(unit("one-shot", True, False), unit("plain-retry", True, False), unit("pipeline", True, True), unit("ablation", True, False))
    assert [each["met"] for each in table.targets(good)] == [True] * 4
    bad = document(unit("one-shot", True, True), unit("plain-retry", True, True), unit("pipeline", True, False), unit("ablation", True, False))
    assert [each["met"] for each in table.targets(bad)] == [False] * 4
    assert table.markdown(bad).count("- MISSED: ") == 4
    silent = document(unit("one-shot", True, True), unit("plain-retry", True, True), unit("pipeline", False, False), unit("ablation", True, False))
    assert [each["met"] for each in table.targets(silent)] == [None, None, False, False], "who claims nothing has no share"


def test_only_what_every_arm_has_finished_is_compared() -> None:
    whole = [unit(arm, True, True, seed=seed) for arm in measuring.ARMS[1:] for seed in (0, 1)]
    half = document(unit("one-shot", True, True, sampled=False), *whole[:-1], seeds=(0, 1))
    assert table.compared(half) == [("a", 0)]
    assert table.missing(half) == ["a, pipeline without oracle and held-out, seed 1"]
    assert {arm: sums["pairs"] for arm, sums in table.totals(half).items()} == dict.fromkeys(measuring.ARMS, 1)
    assert table.compared(half | {"units": [*half["units"], whole[-1]]}) == [("a", 0), ("a", 1)], "one shot was greedy: it counts for both seeds"


def test_a_case_is_read_as_a_prd_is_and_one_that_asks_nothing_is_refused() -> None:
    text = "# A\n\n## Requirements\n\n### R1: B\n\n- AC1: c\n\n  ```python\n  >>> from m import f\n  >>> f(1)\n  2\n  ```\n"
    case = {"name": "c", "shown": True, "imports": "from m import f", "lines": [">>> f(1)", "2"]}
    found = exercises.exercise("a", text, json.dumps([case]))
    assert [(item.setup, item.call, item.expected) for item in found.cases[0].examples] == [(("from m import f",), "f(1)", "2")]
    with pytest.raises(ValueError, match="asks nothing"):
        exercises.exercise("a", text, json.dumps([case | {"lines": [">>> f(1)"]}]))
