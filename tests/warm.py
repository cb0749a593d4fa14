"""`python -m orchestrator …` as a fork of a process that has imported the product: the same command, without the second that every start takes.

What a command is given and what it leaves is as of any other process: arguments, working folder, environment, pipes, exit code. Two warm processes
take turns, for two starts in a row never share the seed of their hashes either. What Python reads when it begins (`PYTHON…`, the locale) takes
a start of its own: `fits`.

    python -m tests.warm FD     serves commands over the socket FD until that is closed
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-m", "orchestrator"]
AT_THE_BEGINNING = ("PYTHON", "LC_", "LANG", "LD_")
"""Variables that begin so are read before any module is."""


# --- the side of the tests -----------------------------------------------------------------------------------------------


def fits(argv: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a fork is the same as a start."""
    return list(argv[:3]) == COMMAND and _beginning(env) == _beginning(_plain()) and env.get("PYTHONPATH") == str(ROOT)


def _beginning(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(AT_THE_BEGINNING) and name != "PYTHONPATH"}


def _plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("ORCHESTRATOR_", "PYTHON"))}


def run(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run(argv, capture_output=True, text=True, …)`. `argv` and `env` must fit."""
    asked = os.memfd_create("command")
    with open(asked, "w", closefd=False) as stream:
        json.dump({"arguments": list(argv[3:]), "cwd": str(cwd), "env": dict(env)}, stream)
    pipes = [os.pipe() for _ in range(3)]
    _next().ask([asked, *(write for _, write in pipes)])
    for descriptor in (asked, *(write for _, write in pipes)):
        os.close(descriptor)
    found = [b"", b""]

    def read(number: int) -> None:
        with os.fdopen(pipes[number][0], "rb") as stream:
            found[number] = stream.read()

    with os.fdopen(pipes[2][0], "rb") as told:
        pid = int(told.readline())
        readers = [threading.Thread(target=read, args=(number,), daemon=True) for number in (0, 1)]
        late = threading.Timer(timeout, os.kill, (pid, 9))
        deadline = time.monotonic() + timeout
        for thread in (*readers, late):
            thread.start()
        code = int(told.readline())
        late.cancel()
        for thread in readers:  # what it started may hold its pipes longer than it lives
            thread.join(max(0.0, deadline - time.monotonic()))
    output, errors = (text.decode().replace("\r\n", "\n").replace("\r", "\n") for text in found)
    if time.monotonic() >= deadline:
        raise subprocess.TimeoutExpired(list(argv), timeout, output, errors)
    return subprocess.CompletedProcess(list(argv), code, output, errors)


class Warm:
    """One warm process."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [sys.executable, "-m", "tests.warm", str(theirs.fileno())]
        quiet = subprocess.DEVNULL
        env = {**_plain(), "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(argv, cwd=ROOT, env=env, pass_fds=[theirs.fileno()], stdin=quiet, stdout=quiet)
        theirs.close()
        atexit.register(self.end)

    def ask(self, descriptors: list[int]) -> None:
        """What is asked, standard output, standard error, and where the process id and the exit code are told, a line each."""
        socket.send_fds(self.socket, [b"."], descriptors)

    def end(self) -> None:
        self.socket.close()
        self.process.wait()


_lock = threading.Lock()
_turn = [0]


def _next() -> Warm:
    with _lock:
        _turn[0] += 1
        return _warm(_turn[0] % 2)


@cache
def _warm(number: int) -> Warm:
    return Warm()


# --- the side of the warm process ----------------------------------------------------------------------------------------


def load() -> None:
    """Every module of the product, but what only runs inside sandboxes."""
    package = importlib.import_module("orchestrator")
    for module in pkgutil.walk_packages(package.__path__, "orchestrator."):
        if not module.name.startswith(("orchestrator.run.inside", "orchestrator.__main__")):
            importlib.import_module(module.name)


def serve(asking: socket.socket) -> None:
    """Returns when the other side is gone, and as each command, in its own process."""
    children: dict[int, tuple[int, int]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(asking, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd in children:
                    pid, told = children.pop(key.fd)
                    selector.unregister(key.fd)
                    _, status = os.waitpid(pid, 0)
                    os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
                    os.close(told)
                    os.close(key.fd)
                    continue
                _, descriptors, _, _ = socket.recv_fds(asking, 1, 4)
                if not descriptors:
                    return
                asked, *outputs, told = descriptors
                pid = os.fork()
                if pid == 0:
                    selector.close()
                    asking.close()
                    for descriptor in (told, *(number for pair in children.items() for number in (pair[0], pair[1][1]))):
                        os.close(descriptor)
                    become(asked, outputs)
                    return
                os.write(told, f"{pid}\n".encode())
                for descriptor in (asked, *outputs):
                    os.close(descriptor)
                watched = os.pidfd_open(pid)
                children[watched] = pid, told
                selector.register(watched, selectors.EVENT_READ)


def become(asked: int, outputs: list[int]) -> None:
    """The command that is asked for, from here on."""
    with open(asked) as stream:
        stream.seek(0)
        command = json.load(stream)
    for descriptor, number in zip(outputs, (1, 2), strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(command["cwd"])
    os.environ.clear()
    os.environ.update(command["env"])
    time.tzset()
    sys.argv[1:] = command["arguments"]
    sys.path[0] = command["cwd"]
    importlib.invalidate_caches()
    runpy.run_module("orchestrator", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    load()
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
