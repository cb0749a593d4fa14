"""Hostile and unlucky examples, put to the real sandbox: each has its own outcome, the next one works, nothing survives."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from orchestrator.model import Observation
from orchestrator.run import oracle
from tests.run.values import LIMITS, example, project

MARK = "orchestrator-test-sleeper"
NEXT = example("1 + 1", "2", id="next")


def ask(root: Path, python: Path, *examples: object) -> Observation:
    return oracle.ask("check_green", "oracle", tuple(examples), root, python=python, limits=LIMITS)  # type: ignore[arg-type]


def processes(word: str) -> list[int]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if word in (place / "cmdline").read_text():
                found.append(int(place.name))
        except OSError:
            continue
    return found


FORKS = (
    "import os, time\nfor _ in range(600):\n    if os.fork() == 0:\n        os.setsid()\n        time.sleep(30)\n        os._exit(0)\ntime.sleep(30)"
)
DAEMON = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', '{MARK}'], start_new_session=True)"

HOSTILE = {
    "exits at once": ("__import__('os')._exit(0)", (), "raised"),
    "exits with a code": ("__import__('os')._exit(3)", (), "raised"),
    "raises SystemExit": ("exit(0)", (), "raised"),
    "sleeps": ("__import__('time').sleep(60)", (), "timeout"),
    "loops": ("max(iter(int, 1))", (), "timeout"),
    "fills memory": ("len(b'x' * (1 << 31))", (), "raised"),
    "recurses": ("(lambda f: f(f))(lambda f: f(f))", (), "raised"),
    "answers much": ("'x' * (6 << 20)", (), "wrong value"),
    "writes a huge file": ("open('big', 'wb').write(b'x' * (64 << 20))", (), "raised"),
    "kills its parent": ("os.kill(os.getppid(), 9)", ("import os",), "raised"),
    "kills everything": ("os.kill(-1, 9)", ("import os",), "raised"),
    "forks without end": ("1", (FORKS,), "raised"),
    "answers something that is not an answer": (
        "os._exit(0)", ("import os", "with open('../answer', 'w') as stream: stream.write('[1]')"), "raised",
    ),
    "answers with a pipe that nobody writes to": ("os._exit(0)", ("import os", "os.mkfifo('../answer')"), "raised"),
    "answers with an endless device": ("os._exit(0)", ("import os", "os.symlink('/dev/zero', '../answer')"), "raised"),
    "answers with a deep nest": (
        "os._exit(0)", ("import os", "with open('../answer', 'w') as stream: stream.write('[' * 100000)"), "raised",
    ),
    "closes its standard output": ("__import__('sys').stdout.close()", (), "raised"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_example_has_its_own_outcome_and_the_next_one_works(name: str, tmp_path: Path, python: Path) -> None:
    call, setup, outcome = HOSTILE[name]
    seen = ask(project(tmp_path / "code"), python, example(call, "5", setup=setup, id="hostile"), NEXT)
    after = "not run" if outcome == "timeout" else "passed"
    assert [(item.id, item.outcome) for item in seen.outcomes] == [("hostile", outcome), ("next", after)], "after a loop nothing more is waited for"
    assert seen.exit_code == 1


def test_a_daemon_does_not_survive_its_example(tmp_path: Path, python: Path) -> None:
    count = example("len([n for n in os.listdir('/proc') if n.isdigit()])", "3", setup=("import os",), id="count")
    seen = ask(project(tmp_path / "code"), python, example("1", setup=(DAEMON,)), count)
    assert [item.outcome for item in seen.outcomes] == ["passed", "passed"], [item.message for item in seen.outcomes]
    assert processes(MARK) == []


def test_nothing_survives_the_end_of_the_sandbox(tmp_path: Path, python: Path) -> None:
    ask(project(tmp_path / "code"), python, example("os.kill(os.getppid(), 9)", setup=("import os", DAEMON)))
    deadline = time.monotonic() + 2
    while processes(MARK) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes(MARK) == []


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_an_example_leaves_nothing_to_the_next(folder: str, tmp_path: Path, python: Path) -> None:
    write = f"import os; os.makedirs('{folder}/a/b'); open('{folder}/a/b/note', 'w').write('x'); os.chmod('{folder}/a', 0)"
    look = example(f"[n for n in os.listdir('{folder}') if n == 'a']", "[]", setup=("import os",), id="look")
    seen = ask(project(tmp_path / "code"), python, example("1", setup=(write,)), look)
    assert [item.outcome for item in seen.outcomes] == ["passed", "passed"], [item.message for item in seen.outcomes]


def test_an_example_sees_nothing_of_this_machine(tmp_path: Path, python: Path) -> None:
    repository = Path(__file__).resolve().parents[2]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        port = listener.getsockname()[1]
        seen = ask(
            project(tmp_path / "code"),
            python,
            example(
                f"socket.create_connection(('127.0.0.1', {port}), 1)", "", compare="raises", raises="OSError", setup=("import socket",), id="net"
            ),
            example(f"os.path.exists({str(repository / 'orchestrator')!r})", "False", setup=("import os",), id="repository"),
            example(f"os.path.exists('/proc/{os.getpid()}/environ') and os.getpid() > 100", "False", setup=("import os",), id="proc"),
            example("os.path.exists('/root/.bashrc') or os.path.exists('/home')", "False", setup=("import os",), id="home"),
            example("open('/graft/new.py', 'w')", "...", compare="raises", raises="OSError", setup=("import os",), id="write"),
            example("open('/dev/new', 'w')", "...", compare="raises", raises="OSError", id="dev"),
            example("sorted(k for k in os.environ if 'KEY' in k or 'TOKEN' in k)", "[]", setup=("import os",), id="environment"),
        )
    assert seen.outcomes[0].outcome == "raised"
    assert "unreachable" in seen.outcomes[0].message or "refused" in seen.outcomes[0].message
    assert [item.outcome for item in seen.outcomes[1:]] == ["passed"] * 6, [item.message for item in seen.outcomes]


def test_a_project_may_have_a_module_called_limits(tmp_path: Path, python: Path) -> None:
    root = project(tmp_path / "code", limits="def top():\n    return 7\n")
    assert ask(root, python, example("top()", "7", setup=("from limits import top",))).exit_code == 0


def test_half_a_surrogate_pair_in_a_message_can_be_saved(tmp_path: Path, python: Path) -> None:
    from orchestrator.save.values import from_json, to_json

    root = project(tmp_path / "code", shop="def f():\n    raise ValueError(chr(0xd800))\n")
    seen = ask(root, python, example("f()", setup=("from shop import f",)))
    assert seen.outcomes[0].outcome == "raised"
    assert from_json(Observation, to_json(seen)) == seen


CONSOLE = {
    "exit code and standard error": ("echo a >&2; exit 3", "a", {"exit_code": 3}),
    "standard input": ("cat", "é\n", {"stdin": "é\n"}),
    "earlier commands in the same folder": ("cat x", "1", {"setup": ("echo 1 > x",)}),
    "a background process does not hold it": ("sleep 30 & echo started", "started", {}),
    "the project is importable": ("python -m shop", "shop", {}),
    "any text": ("echo one; echo two; echo three", "one\n...\nthree", {"ellipsis": True}),
    "killed": ("kill -9 $$", "", {"exit_code": -9}),
}


@pytest.mark.parametrize("name", CONSOLE)
def test_a_console_example(name: str, tmp_path: Path, python: Path) -> None:
    call, expected, more = CONSOLE[name]
    seen = ask(project(tmp_path / "code", shop="print('shop')"), python, example(call, expected, compare="console", **more))  # type: ignore[arg-type]
    assert seen.outcomes[0].outcome == "passed", seen.outcomes[0].message


def test_an_interpreter_that_never_comes_up_answers_nothing_and_ends(tmp_path: Path) -> None:
    broken = tmp_path / "environment" / "bin" / "python"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    broken.chmod(0o755)
    seen = ask(project(tmp_path / "work"), broken, NEXT, example("2 + 2", "4", id="last"))
    assert [(outcome.id, outcome.outcome, outcome.message) for outcome in seen.outcomes] == [
        (name, "not run", "the sandbox ended before it answered") for name in ("next", "last")
    ]
    assert "broken" in seen.output
