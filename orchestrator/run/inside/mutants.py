"""Runs the tests once on the code as it is, then on each mutant, each run in a fork of a pytest that has started and not yet collected.

Standard input: {"box": {...}, "limits": {...}, "root", "sources": [folders of root], "tests": [paths], "seconds", "mutants": [{"id", "path", "text",
"lines": [first, last]}]}: `text` is the whole mutated file, `lines` says which lines of the original run when the mutant would.

A fork shuts itself in (supervise.py) and works in a copy of the project below the box's `tmp`: links to the real one, which is read-only, but
for the tests and the files with mutants.
So a program that a test starts sees the mutant too. No file of the project is imported here, only in forks.

One JSON line at first, {"tests": [node ids that pass]}, then one per mutant: {"id", "error"} when it is no Python, {"id", "reached": false},
or {"id", "exit", "failed": [node ids], "ended"}, and {"done": true} at the end. `exit` is None at the time limit, negative a signal's number.
"""

import ast
import gc
import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
import unittest
from collections import namedtuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import limits  # noqa: E402
import supervise  # noqa: E402

supervise.leave_no_trace()
import pytest  # noqa: E402

OPTIMIZED = 1
"""Flag of a code object that belongs to a function, not to a module or class."""
PLUGINS = ("cacheprovider", "terminal", "junitxml", "faulthandler", "doctest", "unraisableexception", "threadexception")
"""What no test needs; the last two collect garbage twice in every run."""
STARTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system")
"""Audit events of a test that runs code in other processes, where it is not watched."""

NO_FAILURE = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception, unittest.SkipTest)
WATCHED = {"test", "outcome", "seconds", "lines", "starts"}
"""What the first run says of each test."""

Run = namedtuple("Run", "exit seconds events")


class Forked(BaseException):
    """Raised in a fork, to leave the loop that made it and go on as a usual pytest."""


class Server:
    """A pytest plugin: in the first process it makes the forks, in a fork it says what happens."""

    def __init__(self, request, answers):
        self.request = request
        self.answers = answers
        self.box = request["box"]
        self.project = self.box["tmp"] + "/project"
        self.folder = self.box["tmp"] + "/run"
        self.deadline = time.monotonic() + request["seconds"]
        self.original = {mutant["path"]: read(f"{request['root']}/{mutant['path']}") for mutant in request["mutants"]}
        self.alone = {}
        self.owner = 0

    # --- the first process

    def place(self, changed):
        """The project's copy, with these texts in place of files."""
        real = dict.fromkeys(self.request["tests"]) | self.original | changed
        mirror(self.request["root"], self.project, "", real)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session):
        gc.collect()
        gc.freeze()
        try:
            self.serve()
        except Forked:
            return
        os._exit(0)

    def clear(self):
        limits.clear(self.box["private"], self.box["home"])

    def say(self, **answer):
        self.answers.write(json.dumps(answer) + "\n")
        self.answers.flush()

    def serve(self):
        self.clear()
        cpu = children_seconds()
        base = self.run({}, None, self.request["seconds"], None, watch=True)
        self.base = base._replace(events=[event for event in base.events if event.keys() >= WATCHED])
        self.cpu = children_seconds() - cpu
        self.whole = tuple(event["test"] for event in self.base.events)
        self.passing = tuple(event["test"] for event in self.base.events if event["outcome"] == "passed")
        self.always = next((event["always"] for event in base.events if "always" in event), {})
        self.say(tests=self.passing)
        self.clear()
        if not self.passing:
            return
        self.independent = self.passes(self.whole[::-1])
        for mutant in self.request["mutants"]:
            if time.monotonic() > self.deadline:
                return
            answer = self.judge(mutant)
            if answer is None:
                return
            self.say(id=mutant["id"], **answer)
        self.say(done=True)

    def judge(self, mutant):
        """What the tests that reach it say, then all others unless one of them failed; None when time ran out."""
        try:
            compile(mutant["text"], mutant["path"], "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return {"error": f"{type(error).__name__}: {error}"}
        reaching = self.reaching(mutant)
        if not reaching:
            return {"reached": False}
        changed = {mutant["path"]: mutant["text"]}
        answer = self.attempt(changed, reaching)
        noticed = answer is not None and (answer["exit"] != 0 or answer["failed"] or not answer["ended"])
        if noticed and not self.stands_alone(reaching):
            answer = self.attempt(changed, self.whole)
        elif answer is not None and not noticed and reaching != self.passing and self.stands_alone(self.passing):
            answer = self.attempt(changed, self.passing)
        return answer

    def reaching(self, mutant):
        first, last = mutant["lines"]

        def hits(lines):
            return any(line in lines.get(mutant["path"], ()) for line in range(first, last + 1))

        if hits(self.always):
            return self.passing
        found = {event["test"] for event in self.base.events if event["starts"] or hits(event["lines"])}
        return tuple(test for test in self.passing if test in found)

    def stands_alone(self, tests):
        """Whether these tests pass on the original without the others. Where all pass in reverse order too, none needs another."""
        if not self.independent and tests != self.whole and tests not in self.alone:
            self.alone[tests] = self.passes(tests)
        return self.independent or tests == self.whole or self.alone[tests]

    def passes(self, tests):
        """Whether the tests that pass on the original do so in this order and choice."""
        run = self.run({}, tests, *self.allowed(tests))
        self.clear()
        return outcomes(run).items() >= {test: "passed" for test in tests if test in self.passing}.items()

    def attempt(self, changed, tests):
        seconds, cpu = self.allowed(tests)
        left = self.deadline - time.monotonic()
        run = self.run(changed, tests, min(seconds, left), cpu)
        self.clear()
        if run.exit is None and left < seconds:
            return None
        seen = outcomes(run)
        ended = any(event.get("end") for event in run.events)
        wanted = [test for test in tests if test in self.passing]
        failed = [test for test in wanted if seen.get(test, "gone") in ("failed", "running") or (ended and test not in seen)]
        stopped = [test for test in failed if test in seen] or failed
        return {"exit": run.exit, "failed": stopped[:1], "ended": ended}

    def allowed(self, tests):
        """(wall, CPU) seconds for a run of these tests. The original, which was watched and so slower, is the measure.

        The processor's clock ends a loop soon and does not run faster on a busy machine; the wall's is for what only waits.
        """
        around = max(0.0, self.base.seconds - sum(event["seconds"] for event in self.base.events))
        chosen = {*tests}
        wall = 5 * (around + sum(event["seconds"] for event in self.base.events if event["test"] in chosen))
        return max(2.0, wall), max(0.3, 5 * self.cpu)

    def run(self, changed, tests, seconds, cpu, watch=False):
        """One run in a fork: all tests (None) or these, in their order. Raises Forked in the fork."""
        self.place(changed)
        os.makedirs(self.folder)
        started = time.monotonic()
        fork = supervise.Fork(self.box, self.request["limits"], read=[self.request["root"]])
        if fork.pid == 0:
            try:
                self.enter(tests, cpu, watch)
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(70)
            raise Forked
        code = fork.wait(seconds).code
        took = time.monotonic() - started
        events = [event for line in limits.tail(self.folder + "/events", 8 << 20).splitlines() if (event := parsed(line))]
        return Run(code, took, events)

    # --- a fork

    def enter(self, tests, cpu, watch):
        self.answers.close()
        output = os.open(self.folder + "/output", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        self.stream = open(self.folder + "/events", "a", encoding="utf-8")
        self.owner = os.getpid()
        self.wanted = tests
        self.first_failure = not watch
        self.started = 0.0
        self.bad = set()
        self.watch = None
        os.chdir(self.project)
        sources = [path for name in self.request["sources"] if os.path.isdir(path := os.path.normpath(f"{self.project}/{name}"))]
        sys.path[:] = [*sys.path, *sources]
        sys.pycache_prefix = self.folder + "/pycache"
        os.environ |= {"PYTHONPATH": os.pathsep.join(sources), "PYTHONPYCACHEPREFIX": self.folder + "/pycache", "PYTHONDONTWRITEBYTECODE": "1"}
        if cpu is not None:
            signal.setitimer(signal.ITIMER_PROF, cpu)
        if watch:
            self.watch = Watch(self.project, [*self.original])

    def tell(self, **event):
        if os.getpid() == self.owner:
            self.stream.write(json.dumps(event) + "\n")
            self.stream.flush()

    def pytest_collection_modifyitems(self, items):
        if self.wanted is not None:
            place = {test: number for number, test in enumerate(self.wanted)}
            items[:] = sorted((item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid):
        self.tell(test=nodeid, outcome="running")
        self.started = time.monotonic()
        if self.watch:
            self.watch.begin()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item, call):
        """The first failure of a test that passes on the original says it all: no report is made, nothing is torn down."""
        if self.first_failure and call.excinfo and not isinstance(call.excinfo.value, NO_FAILURE) and item.nodeid in self.passing:
            self.tell(test=item.nodeid, outcome="failed")
            self.tell(end=True)
            os._exit(0)

    def pytest_runtest_logreport(self, report):
        if report.failed or report.skipped or hasattr(report, "wasxfail"):
            self.bad.add("failed" if report.failed else "skipped")
        if report.when == "teardown":
            seen = self.watch.end() if self.watch else {}
            outcome = "failed" if "failed" in self.bad else "skipped" if self.bad else "passed"
            self.tell(test=report.nodeid, outcome=outcome, seconds=time.monotonic() - self.started, **seen)
            self.bad = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self):
        if self.watch:
            self.tell(always=self.watch.end()["lines"])
        self.tell(end=True)
        os._exit(0)


class Watch:
    """Which lines of the files with mutants run in which test, and which tests start other processes."""

    def __init__(self, project, paths):
        self.names = {f"{project}/{path}": path for path in paths}
        self.outside = set()
        self.lines = self.outside
        self.starts = False
        sys.addaudithook(self.audit)
        sys.settrace(self.call)
        threading.settrace(self.call)

    def begin(self):
        self.lines, self.starts = set(), False

    def end(self):
        found = {}
        for name, line in self.lines:
            found.setdefault(self.names[name], []).append(line)
        self.lines = self.outside
        return {"lines": found, "starts": self.starts}

    def audit(self, event, _):
        self.starts = self.starts or event in STARTS

    def call(self, frame, event, argument):
        name = frame.f_code.co_filename
        inside = frame.f_code.co_flags & OPTIMIZED or (
            frame.f_back and frame.f_back.f_code.co_flags & OPTIMIZED and frame.f_code.co_name != "<module>"
        )
        if name not in self.names or not inside:
            return None
        self.lines.add((name, frame.f_lineno))
        return self.line

    def line(self, frame, event, argument):
        self.lines.add((frame.f_code.co_filename, frame.f_lineno))
        return self.line


def outcomes(run):
    """Node id → `passed`, `failed`, `skipped`, or `running` when the process ended in it."""
    return {event["test"]: event["outcome"] for event in run.events if "test" in event}


def parsed(line):
    """An event of a fork, or None: the code under test may have written there."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    kinds = {"test": str, "outcome": str, "seconds": (int, float), "lines": dict, "starts": bool, "always": dict}
    if not all(isinstance(event[key], kinds[key]) for key in kinds if key in event):
        return None
    lines = (*event.get("lines", {}).values(), *event.get("always", {}).values())
    return event if all(isinstance(item, list) for item in lines) else None


def mirror(source, target, within, real):
    """A folder of links to what is in `source`, but for `real`: path → text, or None for a copy of the file or folder."""
    os.mkdir(target)
    for entry in os.scandir(source):
        path, place = within + entry.name, f"{target}/{entry.name}"
        if real.get(path) is not None:
            write(place, real[path])
        elif path in real and entry.is_file(follow_symlinks=False):
            write(place, read(entry.path))
        elif entry.is_dir(follow_symlinks=False) and (path in real or any(name.startswith(path + "/") for name in real)):
            below = {f"{path}/{name}": None for name in os.listdir(entry.path)} if path in real else {}
            mirror(entry.path, place, path + "/", below | real)
        else:
            os.symlink(entry.path, place)


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return stream.read()


def write(path, text):
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        stream.write(text)


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def preload(request, texts):
    """Import once what the tests and the files with mutants import from elsewhere than the project."""
    for text in texts:
        try:
            nodes = list(ast.walk(ast.parse(text)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        names = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
        names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
        for name in names:
            top = name.partition(".")[0]
            own = any(os.path.lexists(f"{request['root']}/{folder}/{top}{end}") for folder in request["sources"] for end in ("", ".py"))
            if not own and not name.endswith("__main__"):
                try:
                    importlib.import_module(name)
                except BaseException:
                    continue


def main():
    request = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    supervise.prepare(request["box"])
    limits.apply(request["limits"], request["box"]["alone"])
    server = Server(request, answers)
    files = [f"{request['root']}/{path}" for path in request["tests"] if path.endswith(".py")]
    preload(request, [*server.original.values(), *(read(path) for path in files if os.path.isfile(path))])
    os.mkdir(server.project)
    arguments = [part for name in PLUGINS for part in ("-p", f"no:{name}")]
    arguments += ["-c", HERE + "/empty.ini", "--rootdir", server.project, "--confcutdir", server.project, "--noconftest", "-o", "addopts="]
    arguments += ["--import-mode=importlib", "--assert=plain", "-s", "-o", "tmp_path_retention_policy=all", f"--basetemp={server.folder}/tmp"]
    code = pytest.main([*arguments, *(f"{server.project}/{path}" for path in request["tests"])], plugins=[server])
    os._exit(int(code))


if __name__ == "__main__":
    main()
