"""Runs pytest once per variant, each in a fork of this process, and prints one JSON line per variant.

Standard input: {"box": {...}, "limits": {...}, "clock_shift": 0, "runs": [{"name", "root", "paths", "isolated", "arguments", "roots", "packages",
"tracebacks", "seconds"}]}; box and limits are those of supervise.py. pytest is imported once, before any fork, and no file of the project is ever
imported here.

An isolated run takes nothing from the project but the code under test: an empty ini, no conftest, no plugin, no cache, the project's folders
*after* the standard library. A run that is not isolated is the project's own suite with its own conftest and ini.
"""

import gc
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clock
import limits
import supervise

supervise.leave_no_trace()


class Reporter:
    """A pytest plugin that writes one line per event. What it says can be forged by the code it watches; the oracle's answers cannot."""

    def __init__(self, stream, root, fork):
        self.stream = stream
        self.root = root
        self.fork = fork

    def say(self, **event):
        self.stream.write(json.dumps(event) + "\n")
        self.stream.flush()

    def pytest_collectreport(self, report):
        if report.failed:
            self.say(event="collect", id=report.nodeid, message=str(report.longrepr)[-4000:])

    def pytest_collection_finish(self, session):
        self.say(event="collected", ids=[item.nodeid for item in session.items])

    def pytest_runtest_logstart(self, nodeid):
        self.fork.test(nodeid)

    def pytest_runtest_makereport(self, item, call):
        kind = message = ""
        frames = []
        if call.excinfo is not None:
            kind = call.excinfo.typename
            try:
                message = str(call.excinfo.value)[:4000]
            except BaseException as error:
                message = f"(its message raised {type(error).__name__})"
            for entry in call.excinfo.traceback:
                path = str(entry.path)
                if path.startswith(self.root + "/"):
                    frames.append([path[len(self.root) + 1 :], entry.lineno + 1, entry.name])
        item.stash.setdefault(_calls, {})[call.when] = [kind, message, frames[-20:]]

    def pytest_runtest_logreport(self, report):
        if hasattr(report, "context"):
            return  # a subtest: its test is reported too
        self.say(event="test", id=report.nodeid, when=report.when, outcome=report.outcome, xfail=hasattr(report, "wasxfail"))

    def pytest_sessionfinish(self, exitstatus):
        self.say(event="end", exit=int(exitstatus))


def main():
    request = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc.disable()  # until all is loaded
    import pytest

    preload()
    global _calls
    _calls = pytest.StashKey()

    class Plugin(Reporter):
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(self, item, call):
            report = yield  # what a unittest raised is only put into `call` on the way
            Reporter.pytest_runtest_makereport(self, item, call)
            kind, message, frames = item.stash[_calls][call.when]
            if kind:
                self.say(event="raised", id=item.nodeid, when=call.when, kind=kind, message=message, frames=frames)
            return report

    box = request["box"]
    supervise.prepare(box)
    limits.apply(request["limits"], box["alone"])
    for run in request["runs"]:
        folder = tempfile.mkdtemp(prefix="run-", dir=box["tmp"])
        started = time.monotonic()
        root = run["root"]
        hidden = tuple({other["root"] for other in request["runs"]} - {root})
        fork = supervise.Fork(box, request["limits"], read=[root], write=[] if run["isolated"] else [root], root=root, hidden=hidden)
        if fork.pid == 0:
            answers.close()
            _child(run, folder, pytest, Plugin, fork, request["clock_shift"])
        ended = fork.wait(run["seconds"])
        answer = {"name": run["name"], "seconds": time.monotonic() - started, "events": limits.tail(folder + "/events", 4 << 20)}
        answer |= {"exit": ended.code, "incidents": ended.incidents, "output": limits.tail(folder + "/output", 32768)}
        limits.clear(box["private"], box["home"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def preload():
    """Import what pytest would import in every fork: a run takes half the time."""
    import importlib

    from _pytest.config import default_plugins

    for name in (*(f"_pytest.{plugin}" for plugin in default_plugins), "faulthandler", "pdb", "readline"):
        try:
            importlib.import_module(name)
        except ImportError:
            continue


def forget(packages):
    """The project's own modules, where the runner has loaded others of that name (pluggy, packaging, …)."""
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]


def flush():
    """`_exit` does not, and what pytest says at the end would be lost."""
    try:
        sys.stdout.flush()
    except Exception:  # it was closed: nothing is lost then that could be had
        pass


def _child(run, folder, pytest, plugin, fork, clock_shift):
    try:
        output = os.open(folder + "/output", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        root = run["root"]
        os.chdir(root)
        if not run["isolated"]:
            os.environ.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)
        sources = [path for path in (os.path.join(root, name).rstrip("/") for name in reversed(run["roots"])) if os.path.isdir(path)]
        sys.path[:] = supervise.before_packages(sources) if run["isolated"] else [*sources, *sys.path]
        forget(run["packages"])
        supervise.set_up(fork, sources, folder, clock_shift)
        if clock_shift:
            clock.shift(clock_shift)
        arguments = ["-q", "--tb=short" if run["tracebacks"] else "--tb=line", "--color=no", f"--basetemp={folder}/tmp", "--confcutdir", root]
        if run["isolated"]:
            arguments += ["-c", supervise.HERE + "/empty.ini", "--rootdir", root, "--import-mode=importlib"]
            arguments += ["--noconftest", "-p", "no:cacheprovider", "-o", "addopts="]
        else:
            arguments += ["-o", f"cache_dir={folder}/cache", *run["arguments"]]
        stream = open(folder + "/events", "a", encoding="utf-8")
        code = pytest.main([*arguments, *[os.path.join(root, path).rstrip("/") for path in run["paths"]]], plugins=[plugin(stream, root, fork)])
        stream.flush()
        flush()
        os._exit(int(code))
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(70)


if __name__ == "__main__":
    main()
