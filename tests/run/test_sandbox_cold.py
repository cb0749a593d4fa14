"""The final cold run: another hash seed, a clock ahead, the same question again; and many questions put to one process."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from orchestrator.config import Limits
from orchestrator.model import Observation
from orchestrator.run import evidence, oracle, suites
from tests.run.levels import level, without_bwrap
from tests.run.values import example, project

__all__ = ["level", "without_bwrap"]

LIMITS = Limits(test_seconds=20, example_seconds=10, memory_mb=512, file_mb=16, processes=40)
YEARS = 10 * 365.25 * 86400


def ask(root: Path, python: Path, *examples: object, **more: object) -> Observation:
    return oracle.ask("check_green", "cold", tuple(examples), root, python=python, limits=LIMITS, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", ["0", "4711"])
def test_the_hash_seed_is_the_one_asked_for(seed: str, level: str, tmp_path: Path, python: Path) -> None:
    known = subprocess.run(
        [python, "-c", "print(hash('a'))"], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
    ).stdout.strip()
    root = project(tmp_path / "code", tests__test_a=f"def test_a():\n    assert hash('a') == {known}\n")
    assert ask(root, python, example("hash('a')", known), hash_seed=seed).exit_code == 0
    assert ask(root, python, example("""python -c "print(hash('a'))" """, known, compare="console"), hash_seed=seed).exit_code == 0
    (seen,) = suites.run("check_green", (suites.Variant("v", root, ("tests/test_a.py",)),), python=python, limits=LIMITS, hash_seed=seed)
    assert seen.exit_code == 0, seen.output


CLOCK = """
import copy, datetime, pickle, time
from datetime import date, datetime as Moment
from time import time as now

YEAR = {year}

class Mine(Moment):
    pass

class Holder:
    clock = time.time
    moment = Moment.now

def test_time():
    assert time.gmtime(now()).tm_year == time.gmtime(time.time_ns() / 1e9).tm_year == YEAR
    assert time.gmtime().tm_year == time.localtime().tm_year == time.gmtime(None).tm_year == YEAR
    assert time.gmtime(time.clock_gettime(time.CLOCK_REALTIME)).tm_year == time.gmtime(time.clock_gettime_ns(time.CLOCK_REALTIME) / 1e9).tm_year == YEAR
    assert str(YEAR) in time.ctime() and str(YEAR) in time.asctime() and time.strftime("%Y") == str(YEAR)
    assert abs(Holder().clock() - time.time()) < 5

def test_what_is_given_is_not_shifted():
    assert time.gmtime(0).tm_year == 1970 and time.strftime("%Y", time.gmtime(0)) == "1970"
    assert time.asctime(time.gmtime(0)).endswith("1970") and time.ctime(0).endswith("1970")
    assert Moment.fromtimestamp(0, datetime.timezone.utc).year == date.fromtimestamp(0).year == 1970

def test_measuring_is_not_shifted():
    before = time.monotonic(), time.perf_counter(), time.clock_gettime(time.CLOCK_MONOTONIC)
    assert before[0] < 10**9 * 3 and time.monotonic() - before[0] < 5 and time.clock_gettime(time.CLOCK_MONOTONIC) - before[2] < 5

def test_datetime():
    for moment in (Moment.now(), Moment.utcnow(), Moment.today(), Moment.now(datetime.timezone.utc), Moment.now(tz=None), Holder.moment()):
        assert moment.year == YEAR and type(moment) is Moment is datetime.datetime
    assert date.today().year == YEAR and type(date.today()) is date and date.today() == Moment.now().date()
    assert Moment.now(datetime.timezone.utc).tzinfo is datetime.timezone.utc
    assert abs(Moment.now().timestamp() - time.time()) < 5

def test_classes_are_what_they_were():
    moment = Moment.now()
    assert isinstance(moment, date) and isinstance(Moment(2000, 1, 1), Moment) and issubclass(Mine, Moment)
    assert pickle.loads(pickle.dumps(moment)) == copy.deepcopy(moment) == moment
    assert type(Mine.now()) is Mine and Mine.now().year == YEAR and type(Mine.now() + datetime.timedelta(1)) is Mine
    assert type(moment - moment) is datetime.timedelta and (moment + datetime.timedelta(days=1)) > moment
    assert pickle.loads(pickle.dumps(time.time)) is time.time and callable(now)
"""


@pytest.mark.parametrize("shift", [0.0, YEARS])
def test_the_clock_is_the_one_asked_for(shift: float, level: str, tmp_path: Path, python: Path) -> None:
    year = time.gmtime(time.time() + shift).tm_year
    root = project(tmp_path / "code", tests__test_a=CLOCK.format(year=year))
    (seen,) = suites.run("check_green", (suites.Variant("v", root, ("tests/test_a.py",)),), python=python, limits=LIMITS, clock_shift=shift)
    assert seen.exit_code == 0, seen.output
    inside = example("datetime.datetime.now().year", str(year), setup=("import datetime",), id="call")
    command = example(
        "python -c 'import datetime, time; print(datetime.date.today().year, time.gmtime().tm_year)'",
        f"{year} {year}",
        compare="console",
        id="command",
    )
    assert [item.message for item in ask(root, python, inside, command, clock_shift=shift).outcomes] == ["", ""]


STATEFUL = """
import os
import random
import tempfile
calls = 0

def bomb():
    global calls
    calls += 1
    return 1 if calls < 30 else 2

def at_once():
    global calls
    calls += 1
    return calls

def steady():
    return {"a": {3, 1, 2}, "b": [1.5, float("nan")]}

class Thing:
    pass

def thing():
    return Thing()

def writes():
    with open("x", "x") as stream:
        stream.write("once")
    return 1

def finds():
    found = os.listdir()
    with open("left", "w"):
        pass
    return found

def wanders():
    found = os.listdir()
    os.makedirs("below")
    os.chdir("below")
    return found

def moves_out():
    found = os.listdir()
    os.chdir(tempfile.mkdtemp())
    with open("left", "w"):
        pass
    return found

def vanishes():
    os.rmdir(os.getcwd())
    return 1

def raises():
    global calls
    calls += 1
    raise ValueError("late" if calls > 5 else "early")

def slow():
    import time
    time.sleep(0.2)
    return 1
"""


def test_an_answer_that_changes_is_seen_and_said(level: str, tmp_path: Path, python: Path) -> None:
    root = project(tmp_path / "code", stateful=STATEFUL)
    asked = [
        example("bomb()", "1", setup=("from stateful import *",), id="bomb"),
        example("at_once()", "1", setup=("from stateful import *",), id="at once"),
        example("steady()['a']", "{1, 2, 3}", setup=("from stateful import *",), id="steady"),
        example("thing() is None", "False", setup=("from stateful import *",), id="thing"),
        example("writes()", "1", setup=("from stateful import *",), id="writes"),
        example("raises()", "early", compare="raises", raises="ValueError", setup=("from stateful import *",), id="raises"),
        example("at_once()", "7", setup=("from stateful import *",), id="wrong at first"),
        example("print('x')", "x", compare="text", id="printed"),
        example("echo 1", "1", compare="console", id="command"),
        example("slow()", "1", setup=("from stateful import *",), id="slow"),
    ]
    seen = ask(root, python, *asked, rounds=1000)
    found = {item.id: item for item in seen.outcomes}
    assert {name: item.outcome for name, item in found.items()} == {
        "bomb": "changed", "at once": "changed", "steady": "passed", "thing": "passed", "writes": "passed", "raises": "changed",
        "wrong at first": "wrong value", "printed": "passed", "command": "passed", "slow": "passed",
    }  # fmt: skip
    assert found["bomb"].message == "`bomb()` gave 2 when it was asked for the 30. time, 1 before"
    assert "ValueError: late" in found["raises"].message
    assert seen.seconds < 20
    assert not evidence.holds(found["bomb"])
    assert evidence.meaning(found["bomb"]) == "its answer changes when asked again"
    once = ask(root, python, *asked[:2])
    assert [item.outcome for item in once.outcomes] == ["passed", "passed"]


def test_many_questions_to_one_process(level: str, tmp_path: Path, python: Path) -> None:
    root = project(
        tmp_path / "code",
        shop="import os\ndef double(x):\n    return x * 2\ndef end():\n    os._exit(0)\ndef loop():\n    while True: pass\ndef big():\n    return 'x' * (3 << 20)\n",
    )
    setup = ("from shop import *",)
    calls = [*((setup, f"double({number})") for number in range(300)), (setup, "double(None)"), (setup, "end()"), (setup, "loop()")]
    calls += [(setup, "double('a')"), (("import nothing",), "1"), (setup, "big()"), (setup, "double(1.5)"), (setup, "object()")]
    began = time.monotonic()
    answers = oracle.probe(root, tuple(calls), python=python, limits=LIMITS, seconds=5.0)
    assert time.monotonic() - began < 10
    assert [answer["value"] for answer in answers[:300]] == [["int", hex(2 * number)] for number in range(300)]
    assert [answer["answer"] for answer in answers[300:]] == ["raise", "died", "timeout", "value", "set-up", "too large", "value", "value"]
    assert (answers[300]["type"], answers[303]["value"], answers[306]["value"]) == ("TypeError", ["text", "aa"], ["float", (3.0).hex()])
    assert oracle.untag(answers[306]["value"]) == 3.0


def test_questions_beyond_the_time_are_not_asked(tmp_path: Path, python: Path) -> None:
    root = project(tmp_path / "code", shop="import time\ndef slow():\n    time.sleep(0.2)\n    return 1\n")
    answers = oracle.probe(root, tuple(((("from shop import slow",), "slow()"),) * 100), python=python, limits=LIMITS, seconds=1.0)
    assert len(answers) == 100
    assert answers[0]["answer"] == "value"
    assert answers[-1] == {"answer": "not asked"}


def test_each_question_is_asked_in_an_empty_folder(level: str, tmp_path: Path, python: Path) -> None:
    root = project(tmp_path / "code", stateful=STATEFUL)
    imports = ("from stateful import *",)
    asked = [example(f"{name}()", "[]", setup=imports, id=name) for name in ("finds", "wanders", "moves_out")]
    asked.append(example("vanishes()", "1", setup=imports, id="vanishes"))
    assert [(item.outcome, item.message) for item in ask(root, python, *asked, rounds=1000).outcomes] == [("passed", "")] * 4


def test_what_one_example_imports_is_not_there_for_the_next(level: str, tmp_path: Path, python: Path) -> None:
    """What the text names is: it takes long to compile, and nothing has bytecode there."""
    named = "from fractions import Fraction\n\ndef half():\n    return Fraction(1, 2).denominator\n"
    root = project(tmp_path / "code", named=named, quiet="def load():\n    return __import__('statis' + 'tics').mean([2, 4])\n")
    asked = [
        example("load()", "3", setup=("from quiet import load",), id="load"),
        example("'statistics' in sys.modules, 'fractions' in sys.modules", "(False, True)", setup=("import sys",), id="loaded"),
        example("half()", "2", setup=("from named import half",), id="half"),
    ]
    assert [(item.outcome, item.message) for item in ask(root, python, *asked).outcomes] == [("passed", "")] * 3
