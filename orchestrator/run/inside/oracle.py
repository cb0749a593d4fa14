"""Evaluates one example per fork and prints the answer as tagged JSON. It never knows what was expected.

First line of standard input: {"box": {...}, "limits": {...}, "root", "sources": [folders of root], "seconds": 10, "clock_shift": 0}; box and limits
are those of supervise.py.
Then one question per line; its answer is printed before the next one is read, so that no fork holds another example. Only exact builtin types
cross as values; anything else crosses as type name and repr. A question is a call, a console command, many calls to probe in one fork, or many
questions of which it is only told what of the code they run.
"""

import ast
import functools
import importlib
import itertools
import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clock
import limits
import supervise

supervise.leave_no_trace()

SIZE = 1 << 20
AGAIN = 0.02
"""Seconds in which an example is asked again."""
PROBE = 0.25
"""Seconds that one probed call may take."""
PROBE_SIZE = SIZE >> 5
STANDARD = frozenset(
    """
abc bisect calendar collections contextlib copy csv dataclasses datetime decimal difflib enum fractions functools heapq inspect itertools math
numbers operator pathlib random re statistics string textwrap types typing unicodedata
""".split()
)
"""Modules that look at no clock when they are imported, and do nothing else then."""
READ = 200
"""Files that are read for the names of modules, at most."""
SCRIPT = re.compile(r"(?<![\w./\x22\x27-])(python[\d.]*\s+)((?:\./)?(?:[\w-][\w.-]*/)*[\w-][\w.-]*\.py)(?![\w./-])")
"""A command that runs a script, as in examples.py: the interpreter, the path."""


def tagged(value, depth=0):
    """Exact builtin types as [tag, content]; floats in hex, integers as text, anything else as ["other", type, repr]."""
    kind = type(value)
    if depth > 40:
        return ["other", "nested too deeply", ""]
    if value is None or kind is bool:
        return ["literal", value]
    if kind is int:
        return ["int", hex(value)]
    if kind is float:
        return ["float", value.hex()]
    if kind is complex:
        return ["complex", value.real.hex(), value.imag.hex()]
    if kind is str:
        return ["str", value.encode("utf-8", "surrogatepass").hex()] if not _plain(value) else ["text", value]
    if kind is bytes:
        return ["bytes", value.hex()]
    if kind in (list, tuple, set, frozenset):
        return [kind.__name__, [tagged(item, depth + 1) for item in value]]
    if kind is dict:
        return ["dict", [[tagged(key, depth + 1), tagged(item, depth + 1)] for key, item in value.items()]]
    return ["other", f"{kind.__module__}.{kind.__qualname__}", ""]


def _plain(value):
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def text_of(value):
    try:
        return str(repr(value))[:SIZE]
    except BaseException as error:
        return f"(repr raised {type(error).__name__})"


def evaluate(question):
    """What the call answered: {"answer": "value" | "raise" | "set-up", …}."""
    names = {"__name__": "__main__", "__builtins__": __builtins__}
    for source in question["setup"]:
        try:
            exec(_compiled(source, "<set-up>", "single" if _is_expression(source) else "exec"), names)
        except BaseException as error:
            return {"answer": "set-up", "source": source, **raised(error)}
    empty_output()
    call = question["call"]
    try:
        if _is_expression(call):
            value = eval(_compiled(call.strip(), "<example>", "eval"), names)
        else:
            exec(_compiled(call, "<example>", "exec"), names)
            value = None
    except BaseException as error:
        return {"answer": "raise", **raised(error)}
    return {"answer": "value", "value": tagged(value), "repr": text_of(value), "none": value is None}


def empty_output():
    sys.stdout.flush()
    os.ftruncate(1, 0)
    os.lseek(1, 0, os.SEEK_SET)


def printed():
    """What standard output holds."""
    sys.stdout.flush()
    return os.pread(1, SIZE, 0).decode("utf-8", "replace")


def again(question, folder, first):
    """{"round", "repr"} of the first round, of at most `rounds`, in which the same question has another answer; None when there is none."""
    known = comparable(first, printed())
    place = folder + "/cwd"
    started = time.monotonic()
    for number in range(2, question["rounds"] + 1):
        if time.monotonic() - started > AGAIN:
            break
        if _is_used(place, question):
            place = f"{folder}/cwd-{number}"
            enter(question, place)
        answer = evaluate(question)
        if comparable(answer, printed()) != known:
            text = answer["repr"] if answer["answer"] == "value" else f"{answer['type']}: {answer['message']}"
            return {"round": number, "repr": text[:SIZE]}
    return None


def _is_used(place, question):
    """Whether a working folder is not as good as a new one any more. If it is, it is the working folder again."""
    try:
        if question["files"] or os.listdir(place):
            return True
        os.chdir(place)
    except OSError:
        return True
    return False


def comparable(answer, output):
    """The answer without what differs by itself: the order of sets and dictionaries, and addresses in a repr."""
    if answer["answer"] == "value":
        known = json.dumps(_sorted(answer["value"]))
        return known, re.sub(r"0x[0-9a-f]+", "0x", answer["repr"]) if '["other"' in known else "", output
    return answer["answer"], answer["type"], re.sub(r"0x[0-9a-f]+", "0x", answer["message"]), output


def _sorted(value):
    """A tagged value with sets and dictionaries in one order."""
    if not isinstance(value, list):
        return value
    items = [_sorted(item) for item in value]
    if items and items[0] in ("set", "frozenset", "dict"):
        return [items[0], sorted(items[1], key=json.dumps)]
    return items


def probe(question, folder):
    """One answer a call, each on a line of `answers`, until the time is over or a call ends the process."""
    deadline = time.monotonic() + question["seconds"]
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with open(folder + "/answers", "w", encoding="utf-8") as stream:
        for setup, call in question["calls"]:
            if time.monotonic() > deadline:
                break
            signal.setitimer(signal.ITIMER_REAL, PROBE)
            answer = evaluate({"setup": setup, "call": call})
            signal.setitimer(signal.ITIMER_REAL, 0)
            text = json.dumps(answer | {"printed": printed()})
            stream.write((text if len(text) < PROBE_SIZE else json.dumps({"answer": "too large", "size": len(text)})) + "\n")
            stream.flush()


def cover(question, folder, root, sources):
    """For each of the questions, asked in a fork of its own: which of the `size` marks in the code it set, a list on a line of `answers`."""
    name, size = question["name"], question["size"]
    os.environ[name] = f"{folder}/{name}"
    for module in question["modules"]:
        try:
            importlib.import_module(module)
        except Exception:
            continue
    with open(os.environ[name], "wb+") as marks, open(folder + "/answers", "w", encoding="utf-8") as stream:
        deadline = time.monotonic() + question["seconds"]
        for number, item in enumerate(question["questions"]):
            if time.monotonic() > deadline:
                break
            marks.truncate(0)
            marks.truncate(size)
            pid = os.fork()
            if pid == 0:
                try:
                    _run(item, f"{folder}/{number}", root, sources)
                finally:
                    os._exit(0)
            _await(pid, min(item["seconds"], deadline - time.monotonic()))
            stream.write(json.dumps({"ran": [place for place, byte in enumerate(os.pread(marks.fileno(), size, 0)) if byte]}) + "\n")
            stream.flush()


def _run(item, place, root, sources):
    """As an example is asked: once, and again in the same process in another folder."""
    os.mkdir(place)
    enter(item, place + "/cwd")
    if item["kind"] == "console":
        console(item, place, root, sources)
        return
    evaluate(item)
    enter(item, place + "/cwd-2")
    evaluate(item)


def _await(pid, seconds):
    descriptor = os.pidfd_open(pid)
    if not select.select([descriptor], [], [], max(0.0, seconds))[0]:
        os.kill(pid, signal.SIGKILL)
    os.close(descriptor)
    os.waitpid(pid, 0)


_compiled = functools.cache(compile)


@functools.cache
def _is_expression(source):
    try:
        ast.parse(source.strip(), mode="eval")
    except SyntaxError:
        return False
    return True


def raised(error):
    kind = type(error)
    try:
        message = str(error)[:SIZE]
    except BaseException as inner:
        message = f"(its message raised {type(inner).__name__})"
    return {"type": kind.__qualname__, "module": kind.__module__, "message": message}


def placed(command, root, sources):
    """The command with the place of the project's own scripts, unless the folder where it runs has a file of that name."""

    def place(match):
        found = next((path for source in (root, *sources) if os.path.isfile(path := os.path.join(source, match[2]))), None)
        return match[0] if found is None or os.path.lexists(match[2]) else match[1] + shlex.quote(os.path.normpath(found))

    return SCRIPT.sub(place, command)


def console(question, folder, root, sources):
    for command in question["setup"]:
        command = placed(command, root, sources)
        subprocess.run(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    with open(folder + "/stdout", "wb+") as out, open(folder + "/stderr", "wb+") as err:
        command = placed(question["call"], root, sources)
        done = subprocess.run(["/bin/sh", "-c", command], input=question["stdin"].encode(), stdout=out, stderr=err, check=False)
        out.seek(0)
        err.seek(0)
        stdout, stderr = out.read(SIZE).decode("utf-8", "replace"), err.read(SIZE).decode("utf-8", "replace")
    return {"answer": "console", "exit": done.returncode, "stdout": stdout, "stderr": stderr}


def enter(question, place):
    """A working folder with the question's files and nothing else."""
    os.mkdir(place)
    fill(question, place)


def fill(question, place):
    """The question's files in an empty folder, which becomes the working folder."""
    os.chdir(place)
    for name, text in question["files"]:
        if os.path.dirname(name):
            os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)


class Place:
    """What a fork finds: a folder with an empty working folder in it, and standard streams. Made outside, where no call is looked at."""

    def __init__(self, tmp):
        self.folder = tempfile.mkdtemp(prefix="example-", dir=tmp)
        os.mkdir(self.folder + "/cwd")
        self.streams = [os.open("/dev/null", os.O_RDONLY), os.open(self.folder + "/output", os.O_CREAT | os.O_RDWR | os.O_APPEND)]
        self.streams.append(os.open("/dev/null", os.O_WRONLY))

    def take(self):
        for number, stream in enumerate(self.streams):
            os.dup2(stream, number)
        self.leave()

    def leave(self):
        for stream in self.streams:
            os.close(stream)


def child(question, place, fork, names, clock_shift):
    folder = place.folder
    place.take()
    fill(question, folder + "/cwd")
    sources = [path for path in (os.path.join(fork.root, name).rstrip("/") for name in names) if os.path.isdir(path)]
    sys.path[:] = supervise.before_packages(sources)
    supervise.set_up(fork, sources, folder, clock_shift)
    if clock_shift:
        clock.shift(clock_shift)
    if question["kind"] == "probe":
        return probe(question, folder)
    if question["kind"] == "cover":
        return cover(question, folder, fork.root, sources)
    answer = console(question, folder, fork.root, sources) if question["kind"] == "console" else evaluate(question)
    said = printed()
    if question["rounds"] > 1 and answer["answer"] in ("value", "raise"):
        answer["changed"] = again(question, folder, answer)
    text = json.dumps(answer | {"printed": said})
    if len(text) > 4 * SIZE:
        text = json.dumps({"answer": "too large", "size": len(text)})
    with open(folder + "/answer", "w", encoding="utf-8") as stream:
        stream.write(text)
    return None


def found(question, folder, code):
    """What the fork that ended with `code` wrote, as far as it can be read."""
    if question["kind"] in ("probe", "cover"):
        lines = limits.tail(folder + "/answers", 8 * SIZE).splitlines()
        return {"answer": "probe", "answers": [answer for line in lines if (answer := _read(line))], "exit": code}
    answer = _read(limits.tail(folder + "/answer", 8 * SIZE)) if code == 0 else None
    return answer or {"answer": "timeout" if code is None else "died", "exit": code, "printed": limits.tail(folder + "/output", SIZE)}


def _read(text):
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def preload(root):
    """Import what the code's text names of STANDARD: a fork that has no bytecode of its own would compile it anew, for every example.

    It is decided by the text alone: what one example does must not be seen by the next.
    """
    names = set()
    paths = (os.path.join(folder, name) for folder, _, found in os.walk(root) for name in found if name.endswith(".py"))
    for path in itertools.islice(paths, READ):
        for words in re.findall(r"^[ \t]*(?:from|import)[ \t]+(.*)", limits.tail(path, PROBE_SIZE), re.MULTILINE):
            names.update(re.findall(r"\w+", words))
    for name in sorted(names & STANDARD):
        importlib.import_module(name)


def main():
    request = json.loads(sys.stdin.readline())
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    box, root = request["box"], request["root"]
    preload(root)
    supervise.prepare(box)
    limits.apply(request["limits"], box["alone"])
    for line in iter(sys.stdin.readline, ""):
        question = json.loads(line)
        place = Place(box["tmp"])
        started = time.monotonic()
        fork = supervise.Fork(box, request["limits"], read=[root], root=root)
        if fork.pid == 0:
            try:
                answers.close()
                child(question, place, fork, request["sources"], request["clock_shift"])
                os._exit(0)
            except BaseException:
                os._exit(70)
        place.leave()
        ended = fork.wait(question.get("within", request["seconds"]))
        answer = found(question, place.folder, ended.code) | {"incidents": ended.incidents, "seconds": time.monotonic() - started}
        limits.clear(box["private"], box["home"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
