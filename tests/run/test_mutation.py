"""Real mutants in the real sandbox: code of every shape, tests of every shape, and code that would break the run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator.model import Mutant, Mutation
from orchestrator.run import mutants, mutation
from tests.run.test_sandboxed_oracle import processes
from tests.run.values import LIMITS

TEST = "tests/test_shop.py"


def mutate(
    root: Path,
    python: Path,
    code: str,
    tests: str,
    *,
    path: str = "shop.py",
    only: str = "",
    seconds: float = 40,
    files: dict[str, str] | None = None,
) -> Mutation:
    """The mutants of `code` (those whose operator and original contain `only`) put to `tests`."""
    for name, text in {path: code, TEST: tests, **(files or {})}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    found = tuple(item for item in mutants.generate({}, {path: code}) if only in f"{item.operator} {item.original}")
    assert found
    return mutation.run(root, (TEST,), found, python=python, limits=LIMITS, seconds=seconds)


def said(found: Mutation) -> dict[tuple[str, str], str]:
    return {(item.original, item.replacement): item.status for item in found.mutants}


def test_known_survivors(tmp_path: Path, python: Path) -> None:
    code = "def fare(age):\n    if age < 4:\n        return 0\n    return 5 if age < 16 else 9\n\n\ndef unused(a):\n    return a + 1\n"
    tests = "from shop import fare\n\ndef test_child():\n    assert fare(3) == 0\n\ndef test_young():\n    assert fare(15) == 5\n\ndef test_old():\n    assert fare(30) == 9\n"
    found = mutate(tmp_path, python, code, tests)
    assert {pair for pair, status in said(found).items() if status == "survived"} == {
        ("age < 4", "age <= 4"), ("4", "5"), ("age < 16", "age <= 16"), ("16", "17"),
    }  # fmt: skip
    assert {item.function for item in found.mutants if item.status == "no coverage"} == {"unused"}
    killed = next(item for item in found.mutants if item.original == "9")
    assert (killed.status, killed.killed_by) == ("killed", (f"{TEST}::test_old",))
    assert found.left_out == 0
    assert mutation.score(found) == pytest.approx(11 / 18)


SHAPES = {
    "method": ("class A:\n    def f(self, a):\n        return a + 2\n", "A().f(3)"),
    "static method": ("class A:\n    @staticmethod\n    def f(a):\n        return a + 2\n", "A.f(3)"),
    "class method": ("class A:\n    @classmethod\n    def f(cls, a):\n        return a + 2\n", "A.f(3)"),
    "property": ("class A:\n    b = 3\n    @property\n    def f(self):\n        return self.b + 2\n", "A().f"),
    "decorated": (
        "import functools\n\ndef twice(g):\n    @functools.wraps(g)\n    def h(a):\n        return g(a)\n    return h\n\n@twice\ndef f(a):\n    return a + 2\n",
        "f(3)",
    ),
    "cached": ("import functools\n\n@functools.cache\ndef f(a):\n    return a + 2\n", "f(3)"),
    "generator": ("def f(a):\n    for n in range(a):\n        yield n + 2\n", "list(f(4))[-1]"),
    "async": ("import asyncio\n\nasync def f(a):\n    await asyncio.sleep(0)\n    return a + 2\n", "asyncio.run(f(3))"),
    "closure": ("def make(b):\n    def f(a):\n        return a + b\n    return f\n", "make(2)(3)"),
    "recursion": ("def f(a):\n    return 0 if a == 0 else f(a - 1) + 1\n", "f(5)"),
    "default": ("def f(a, b=2):\n    return a + b\n", "f(3)"),
    "lambda": ("def f(a):\n    return (lambda b: b + 2)(a)\n", "f(3)"),
    "class in a function": (
        "def f(a):\n    class B:\n        c = 2 + 0\n        def d(self):\n            return a + self.c\n    return B().d()\n",
        "f(3)",
    ),
    "called at import": ("def f(a):\n    return a + 2\n\nTABLE = f(3)\n", "TABLE"),
    "in a thread": (
        "import threading\n\ndef f(a):\n    found = []\n    def g():\n        found.append(a + 2)\n    t = threading.Thread(target=g)\n    t.start()\n    t.join()\n    return found[0]\n",
        "f(3)",
    ),
    "global state": ("seen = []\n\ndef f(a):\n    seen.append(a)\n    return len(seen) + a + 1\n", "f(3)"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_function(name: str, tmp_path: Path, python: Path) -> None:
    code, call = SHAPES[name]
    found = mutate(tmp_path, python, code, f"from shop import *\n\ndef test_f():\n    assert {call} == 5\n", only="arithmetic")
    assert {item.status for item in found.mutants} == {"killed"}, found


def test_every_shape_of_test(tmp_path: Path, python: Path) -> None:
    code = "def f(a):\n    if a < 0:\n        raise ValueError('negative')\n    return a * 7\n\n\ndef g(path):\n    path.write_text('x')\n\n\ndef h():\n    print('hello')\n\n\ndef unseen(a):\n    return a * 9\n"
    tests = (
        "import unittest\n\nimport pytest\n\nfrom shop import f, g, h, unseen\n\n"
        "@pytest.mark.parametrize(('a', 'b'), [(0, 0), (2, 14)])\ndef test_table(a, b):\n    assert f(a) == b\n\n"
        "def test_raises():\n    with pytest.raises(ValueError, match='neg'):\n        f(-1)\n\n"
        "def test_file(tmp_path):\n    g(tmp_path / 'a')\n    assert (tmp_path / 'a').read_text() == 'x'\n\n"
        "def test_output(capsys):\n    h()\n    assert capsys.readouterr().out == 'hello\\n'\n\n"
        "class TestOld(unittest.TestCase):\n    def setUp(self):\n        self.b = 7\n\n    def test_old(self):\n        self.assertEqual(f(1), self.b)\n\n"
        "@pytest.mark.xfail\ndef test_expected():\n    assert unseen(1) == 2\n\n"
        "@pytest.mark.skip\ndef test_skipped():\n    assert unseen(1) == 9\n\n"
        "def test_broken():\n    assert unseen(1) == 1\n"
    )
    found = mutate(tmp_path, python, code, tests)
    by = {(item.original, item.replacement): item for item in found.mutants}
    assert by["7", "8"].killed_by == (f"{TEST}::test_table[2-14]",)
    assert by["raise ValueError('negative')", "pass"].killed_by == (f"{TEST}::test_raises",)
    assert by["'x'", "''"].killed_by == (f"{TEST}::test_file",)
    assert by["print('hello')", "pass"].killed_by == (f"{TEST}::test_output",)
    assert {item.status for item in found.mutants if item.function == "unseen"} == {"no coverage"}, "no test that passes reaches it"
    assert said(found)["a < 0", "a <= 0"] == "killed"


def test_loops_without_end_are_ended_and_count_as_noticed(tmp_path: Path, python: Path) -> None:
    code = "def f(a):\n    while a > 0:\n        a -= 3\n    return a\n\ndef g(a):\n    import time\n    time.sleep(a - 5)\n    return a\n"
    tests = "from shop import f, g\n\ndef test_f():\n    assert f(7) == -2\n\ndef test_g():\n    assert g(5) == 5\n"
    began = time.monotonic()
    found = mutate(tmp_path, python, code, tests)
    assert said(found)["a -= 3", "pass"] == "timeout"
    assert said(found)["a -= 3", "a += 3"] == "timeout"
    assert said(found)["a - 5", "a + 5"] == "timeout", "asleep, without using the processor"
    assert time.monotonic() - began < 30


def test_layout_with_src_and_a_package_of_several_modules(tmp_path: Path, python: Path) -> None:
    code = "from .rates import RATE\n\ndef price(a):\n    return a * RATE + 1\n"
    tests = (
        "from pathlib import Path\n\nimport shop.price\n\ndef test_price():\n    assert shop.price.price(2) == 15\n\n"
        "def test_data_beside_it():\n    data = (Path(shop.price.__file__).parent / 'data.txt').read_text()\n    assert shop.price.price(len(data)) == 29\n"
    )
    files = {"src/shop/__init__.py": "", "src/shop/rates.py": "RATE = 7\n", "src/shop/data.txt": "here"}
    found = mutate(tmp_path, python, code, tests, path="src/shop/price.py", files=files)
    assert {item.status for item in found.mutants} == {"killed"}
    assert len(found.mutants) == 4


def test_a_program_that_tests_start_sees_the_mutant(tmp_path: Path, python: Path) -> None:
    code = "import sys\n\ndef main():\n    print(int(sys.argv[1]) + 2)\n    return 3\n\nif __name__ == '__main__':\n    sys.exit(main())\n"
    tests = (
        "import subprocess\nimport sys\nfrom pathlib import Path\n\ndef run(*argv):\n"
        "    return subprocess.run([sys.executable, *argv], cwd=Path(__file__).resolve().parents[1], capture_output=True, text=True)\n\n"
        "def test_module():\n    assert run('-m', 'shop', '3').stdout == '5\\n'\n\ndef test_script():\n    assert run('shop.py', '3').returncode == 3\n"
    )
    found = mutate(tmp_path, python, code, tests)
    assert {item.status for item in found.mutants} == {"killed"}, found
    assert {item.killed_by for item in found.mutants if item.operator == "return"} == {(f"{TEST}::test_script",)}


NEEDY = """\
import shop

def test_first():
    shop.open_till(4)

def test_second():
    assert shop.count() >= 4
"""


def test_tests_that_need_each_other_kill_nothing_by_being_apart(tmp_path: Path, python: Path) -> None:
    code = "till = []\n\ndef open_till(n):\n    till.extend([1] * n)\n\ndef count():\n    return len(till) + 0\n\ndef spare(a):\n    return a\n"
    tests = NEEDY + "\ndef test_third():\n    assert shop.count() >= 4 and shop.spare(3)\n"
    found = mutate(tmp_path, python, code, tests)
    assert said(found)["0", "1"] == "survived"
    assert said(found)["till.extend([1] * n)", "pass"] == "killed"
    assert said(found)["a", "None"] == "killed"


def test_a_test_that_sees_the_mutant_only_through_what_another_left_behind(tmp_path: Path, python: Path) -> None:
    code = "import functools\n\n@functools.cache\ndef table():\n    return [4, 5]\n"
    tests = "import shop\n\ndef test_first():\n    assert shop.table()\n\ndef test_second():\n    assert shop.table() == [4, 5]\n"
    found = mutate(tmp_path, python, code, tests, only="constant")
    assert {item.killed_by for item in found.mutants} == {(f"{TEST}::test_second",)}


def test_tests_whose_number_depends_on_the_code(tmp_path: Path, python: Path) -> None:
    code = "def cases():\n    return range(3)\n"
    tests = "import pytest\nimport shop\n\n@pytest.mark.parametrize('n', shop.cases())\ndef test_case(n):\n    assert n >= 0\n"
    found = mutate(tmp_path, python, code, tests)
    assert said(found)["3", "4"] == "survived", "one test more, and all as before hold"
    assert said(found)["range(3)", "None"] == "killed", "no test is left"


HARMLESS = "def f(a):\n    return a + 2\n\ndef g(a):\n    return a + 3\n"
FLOOD = "import os, sys\nfor _ in range(60):\n    os.write(1, b'x' * 65536)\n    sys.stderr.write('y' * 65536)\nprint('{\"done\": true}')\n\n"
FORKS = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\n    os._exit(0)\n\n"
FORK_ON = "import os\nos.fork()\n\n"
RUBBISH = "import os\nfor name in os.listdir('/tmp/run'):\n    if name == 'events':\n        open('/tmp/run/events', 'a').write('[1]\\n{\"test\": 3}\\n{\"end\": 1, \"lines\": {\"a\": 1}}\\n' + '[' * 9999 + '\\n')\n\n"
LITTER = (
    "import os\nos.makedirs('/tmp/left/a')\nos.chmod('/tmp/left', 0)\nopen('/dev/shm/x', 'w').write('x')\nopen('shop_extra.py', 'w').write('1/0')\n\n"
)
THREAD = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n\n"
HOSTILE = {
    "a flood of output": FLOOD,
    "a daemon": FORKS,
    "a fork that goes on": FORK_ON,
    "rubbish events": RUBBISH,
    "litter": LITTER,
    "a thread that stays": THREAD,
}
MODULE_TESTS = "from shop import f, g\n\ndef test_f():\n    assert f(3) == 5\n\ndef test_g():\n    assert g(3) > 0\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_code_that_misbehaves_changes_no_answer(name: str, tmp_path: Path, python: Path) -> None:
    found = mutate(tmp_path, python, HOSTILE[name] + HARMLESS, MODULE_TESTS)
    assert {(item.function, item.original, item.replacement): item.status for item in found.mutants} == {
        ("f", "a + 2", "a - 2"): "killed",
        ("f", "a + 2", "None"): "killed",
        ("f", "2", "3"): "killed",
        ("g", "a + 3", "a - 3"): "killed",
        ("g", "a + 3", "None"): "killed",
        ("g", "3", "4"): "survived",
    }
    assert found.left_out == 0
    assert processes("time.sleep(600)") == []


WHEN_MUTATED = """\
import os, signal, time
if 'return a + 2\\n' not in open(__file__).read():
    %s

def f(a):
    return a + 2

def g(a):
    return a + 3
"""
DEADLY = {
    "exits": ("os._exit(0)", "killed"),
    "dies": ("os.kill(os.getpid(), signal.SIGKILL)", "killed"),
    "sleeps": ("time.sleep(600)", "timeout"),
    "ignores its alarm": ("signal.signal(signal.SIGPROF, signal.SIG_IGN)\n    while True: pass", "timeout"),
    "kills the run": ("os.kill(os.getppid(), signal.SIGKILL)\n    time.sleep(600)", "killed"),
    "kills everything": ("os.kill(-1, signal.SIGKILL)\n    time.sleep(600)", "killed"),
    "fills memory": ("x = b'x' * (1 << 40)", "killed"),
    "fills the disk": ("while True: open('/tmp/' + str(time.monotonic_ns()), 'wb').write(bytes(1 << 20))", "killed timeout"),
}


@pytest.mark.parametrize("name", DEADLY)
def test_a_mutant_that_would_end_the_run_costs_only_itself(name: str, tmp_path: Path, python: Path) -> None:
    action, statuses = DEADLY[name]
    found = mutate(tmp_path, python, WHEN_MUTATED % action, MODULE_TESTS)
    by = {(item.function, item.original, item.replacement): item.status for item in found.mutants}
    assert {by["f", "a + 2", "a - 2"], by["f", "2", "3"], by["f", "a + 2", "None"]} <= {*statuses.split()}
    assert {key[2]: value for key, value in by.items() if key[0] == "g"} == {"a - 3": "killed", "None": "killed", "4": "survived"}
    assert found.left_out == 0


def test_answers_forged_into_the_pipe_of_the_run_are_seen_as_two(tmp_path: Path, python: Path) -> None:
    (victim,) = (item for item in mutants.generate({}, {"shop.py": HARMLESS}) if (item.original, item.replacement) == ("3", "4"))
    line = f'{{"id": "{victim.id}", "exit": 1, "failed": ["x"], "ended": true}}\n'
    forge = (
        "import os\nparent = f'/proc/{os.getppid()}/fd'\nfor n in os.listdir(parent) if 'a - 2' in open(__file__).read() else ():\n"
        f"    try:\n        os.write(os.open(f'{{parent}}/{{n}}', os.O_WRONLY | os.O_APPEND), {line.encode()!r})\n    except OSError:\n        pass\n\n"
    )
    found = mutate(tmp_path, python, HARMLESS + "\n" + forge, MODULE_TESTS)
    status = next(item.status for item in found.mutants if item.id == victim.id)
    assert status in ("survived", "error"), "never killed by a forged line"


def test_where_no_test_passes_nothing_is_claimed(tmp_path: Path, python: Path) -> None:
    for tests in ("from shop import f\n\ndef test_f():\n    assert f(1) == 9\n", "import nothing_of_that_name\n", "import os\nos._exit(0)\n", ""):
        found = mutate(tmp_path, python, HARMLESS, tests)
        assert (found.mutants, found.left_out, mutation.score(found)) == ((), 6, None)


def test_the_cap_and_the_clock_leave_out_and_say_so(tmp_path: Path, python: Path) -> None:
    slow = "import time\nfrom shop import f, g\n\ndef test_f():\n    time.sleep(0.4)\n    assert f(3) == 5 and g(3) > 0\n"
    late = mutate(tmp_path, python, HARMLESS, slow, seconds=2.5)
    assert late.seconds < 6
    assert 0 < len(late.mutants) < 6
    assert len(late.mutants) + late.left_out == 6
    everything = mutants.generate({}, {"shop.py": HARMLESS})
    capped = mutation.run(tmp_path, (TEST,), everything, python=python, limits=LIMITS, cap=2)
    assert (len(capped.mutants), capped.left_out) == (2, 4)
    none = mutation.run(tmp_path, (TEST,), everything, python=python, limits=LIMITS, cap=0)
    assert (none.mutants, none.left_out) == ((), 6)


def test_mutants_that_cannot_be_built_are_errors(tmp_path: Path, python: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / TEST).write_text(MODULE_TESTS)
    (tmp_path / "shop.py").write_text(HARMLESS)
    (good, *_) = mutants.generate({}, {"shop.py": HARMLESS})
    broken = Mutant("broken", "shop.py", "f", 2, 11, 2, 16, "arithmetic", "a + 2", "a +", "no coverage")
    elsewhere = Mutant("elsewhere", "gone.py", "f", 2, 11, 2, 16, "arithmetic", "a + 2", "a - 2", "no coverage")
    found = mutation.run(tmp_path, (TEST,), (good, broken, elsewhere), python=python, limits=LIMITS)
    assert {item.id: item.status for item in found.mutants} == {good.id: "killed", "broken": "error", "elsewhere": "error"}


def test_many_mutants_in_two_sandboxes_answer_as_in_one(tmp_path: Path, python: Path) -> None:
    code = "".join(f"def f{number}(a):\n    return a + {number}\n\n" for number in range(2, 22))
    tests = "import shop\n\n" + "".join(f"def test_{number}():\n    assert shop.f{number}(3) == {number} + 3\n\n" for number in range(2, 22))
    found = mutate(tmp_path, python, code, tests)
    assert len(found.mutants) == 60 >= 2 * mutation.PER_PROCESS
    assert {item.status for item in found.mutants} == {"killed"}
    assert {item.killed_by for item in found.mutants if item.function == "f7"} == {(f"{TEST}::test_7",)}
