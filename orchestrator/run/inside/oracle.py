"""Evaluates one example per fork and prints the answer as tagged JSON. It never knows what was expected.

First line of standard input: {"limits": {...}, "root": "/graft", "seconds": 10}. Then one example per line; its answer is printed before
the next one is read, so that no fork holds another example. Only exact builtin types cross as values; anything else crosses as type name
and repr.
"""

import ast
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "/inside")
import limits

SIZE = 1 << 20
del sys.modules["limits"]  # a project may have a module of that name


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


def evaluate(example):
    """What the example's call answered: {"answer": "value" | "raise" | "set-up", …}."""
    names = {"__name__": "__main__", "__builtins__": __builtins__}
    for source in example["setup"]:
        try:
            exec(compile(source, "<set-up>", "single" if _is_expression(source) else "exec"), names)
        except BaseException as error:
            return {"answer": "set-up", "source": source, **raised(error)}
    sys.stdout.flush()
    os.ftruncate(1, 0)
    os.lseek(1, 0, os.SEEK_SET)
    call = example["call"]
    try:
        if _is_expression(call):
            value = eval(compile(call.strip(), "<example>", "eval"), names)
        else:
            exec(compile(call, "<example>", "exec"), names)
            value = None
    except BaseException as error:
        return {"answer": "raise", **raised(error)}
    return {"answer": "value", "value": tagged(value), "repr": text_of(value), "none": value is None}


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


def console(example, folder):
    for command in example["setup"]:
        subprocess.run(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    with open(folder + "/stdout", "wb+") as out, open(folder + "/stderr", "wb+") as err:
        done = subprocess.run(["/bin/sh", "-c", example["call"]], input=example["stdin"].encode(), stdout=out, stderr=err, check=False)
        out.seek(0)
        err.seek(0)
        stdout, stderr = out.read(SIZE).decode("utf-8", "replace"), err.read(SIZE).decode("utf-8", "replace")
    return {"answer": "console", "exit": done.returncode, "stdout": stdout, "stderr": stderr}


def child(example, folder, root):
    os.setsid()
    output = os.open(folder + "/output", os.O_CREAT | os.O_RDWR | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    place = folder + "/cwd"
    os.mkdir(place)
    os.chdir(place)
    for name, text in example["files"]:
        if os.path.dirname(name):
            os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
    sys.path.remove("/inside")
    sys.pycache_prefix = folder + "/pycache"
    sources = [path for path in (root + "/src", root) if os.path.isdir(path)]
    sys.path += sources
    os.environ["PYTHONPATH"] = os.pathsep.join(sources)
    os.environ["PYTHONPYCACHEPREFIX"] = folder + "/pycache-children"
    answer = console(example, folder) if example["kind"] == "console" else evaluate(example)
    text = json.dumps(answer)
    if len(text) > 4 * SIZE:
        text = json.dumps({"answer": "too large", "size": len(text)})
    with open(folder + "/answer", "w", encoding="utf-8") as stream:
        stream.write(text)
    sys.stdout.flush()


def main():
    request = json.loads(sys.stdin.readline())
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    limits.apply(request["limits"])
    for line in iter(sys.stdin.readline, ""):
        example = json.loads(line)
        folder = tempfile.mkdtemp(prefix="example-", dir="/tmp")
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            try:
                answers.close()
                child(example, folder, request["root"])
                os._exit(0)
            except BaseException:
                os._exit(70)
        status = limits.wait(pid, request["seconds"], request["limits"]["processes"])
        code = None if status is None else os.waitstatus_to_exitcode(status)
        answer = {"answer": "timeout" if code is None else "died", "exit": code}
        if code == 0:
            try:
                found = json.loads(limits.tail(folder + "/answer", 8 * SIZE))
            except (ValueError, RecursionError):
                found = None
            answer = found if isinstance(found, dict) else {"answer": "died", "exit": code}
        answer["printed"] = limits.tail(folder + "/output", SIZE)
        answer["seconds"] = time.monotonic() - started
        limits.clear()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
