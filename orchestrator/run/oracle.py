"""The oracle: expected values and `==` stay here, in the trusted process; a sandboxed child answers.

Anything computed in a process that imports an agent's code can be forged. So the child is asked only what a call answers, one fork per example,
and this module decodes the answer and compares. Nothing is unpickled; only exact builtin types cross as values.
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
import select
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.config import Limits
from orchestrator.model import Example, Incident, Observation, Step, TestOutcome
from orchestrator.run import evidence, sandboxes
from orchestrator.run.branches import Marked
from orchestrator.run.sandboxes import Mount
from orchestrator.run.stubs import ROOTS
from orchestrator.run.suites import PROJECT, limits_inside


def ask(
    step: Step,
    what: str,
    examples: tuple[Example, ...],
    root: Path,
    *,
    python: Path,
    limits: Limits,
    hash_seed: str = "0",
    clock_shift: float = 0.0,
    rounds: int = 1,
    roots: tuple[str, ...] = ROOTS,
) -> Observation:
    """Put every example to the code under `root` (a folder without tests) and judge the answers. One outcome per example.

    `hash_seed` is PYTHONHASHSEED; `clock_shift` is how many seconds ahead Python code sees the time. With more `rounds` an example that is no
    console command is asked again in the same process, as often as a short time allows: `changed` is the outcome of one that was right at first.
    `roots`: folders that imports start from, '' for the root itself; what is in a later one comes first, as in a suite.
    """
    started = time.monotonic()
    outcomes: list[TestOutcome] = []
    incidents: list[Incident] = []
    output = ""
    with _Child(root, roots, python, limits, hash_seed, clock_shift) as child:
        for example in examples:
            answer = child.ask(question(example, rounds), limits.example_seconds)
            if answer is None and not child.answered and child.said():  # it never came up: a busy machine may have done that, so once more
                output += child.said()
                child.start_again()
                answer = child.ask(question(example, rounds), limits.example_seconds)
            if answer is None and not child.answered and child.said():
                output += child.said()
                outcomes += [TestOutcome(item.id, "not run", "", "the sandbox ended before it answered") for item in examples[len(outcomes) :]]
                break
            if answer is None:
                output += child.said()
                outcome = TestOutcome(example.id, "raised", "", f"`{example.call}` ended the sandbox")
                child.start_again()
            else:
                outcome = _readable(judge(example, answer))
            outcomes.append(outcome)
            told = answer.get("incidents") if answer else None
            incidents += evidence.incidents(told, _about(outcome, answer), limits.memory_mb, limits.file_mb, example.id)
            if outcome.outcome == "timeout":
                rest = examples[len(outcomes) :]
                outcomes += [TestOutcome(item.id, "not run", "", "it was not asked: another did not end in time") for item in rest]
                break
        output += child.said()
    exit_code = 0 if all(outcome.outcome == "passed" for outcome in outcomes) else 1
    seconds = time.monotonic() - started
    kept = tuple(incidents[: evidence.INCIDENTS_KEPT])
    return Observation(step, what, "oracle", exit_code, tuple(outcomes), output[:8192], seconds, sandboxes.level().name, kept)


def probe(
    root: Path,
    calls: tuple[tuple[tuple[str, ...], str], ...],
    *,
    python: Path,
    limits: Limits,
    seconds: float = 2.0,
    roots: tuple[str, ...] = ROOTS,
) -> tuple[dict[str, Any], ...]:
    """What the code under `root` answers to (set-up, call) pairs, all in one process as long as none ends it; nothing is judged.

    One answer per pair, as `judge` takes it: `value`, `raise`, `set-up`, `died`, `timeout`, `too large`, or `not asked` when the time was over.
    """
    answers: list[dict[str, Any]] = []
    deadline = time.monotonic() + seconds
    with _Child(root, roots, python, limits, "0", 0.0) as child:
        while len(answers) < len(calls) and (left := deadline - time.monotonic()) > 0:
            wanted = calls[len(answers) :]
            answer = child.ask({"kind": "probe", "calls": wanted, "files": [], "seconds": left}, limits.example_seconds + left)
            told = answer.get("answers") if answer else None
            got = [item for item in told if isinstance(item, dict)][: len(wanted)] if isinstance(told, list) else []
            answers += got
            if answer is None:
                break
            if len(got) < len(wanted) and time.monotonic() < deadline:
                answers.append({"answer": "timeout" if answer.get("exit") == -14 else "died", "exit": answer.get("exit")})
    return (*answers, *({"answer": "not asked"} for _ in calls[len(answers) :]))


def cover(
    root: Path,
    questions: tuple[dict[str, object], ...],
    marked: Marked,
    *,
    python: Path,
    limits: Limits,
    seconds: float,
    roots: tuple[str, ...] = ROOTS,
) -> tuple[frozenset[int] | None, ...]:
    """Which of the marks in the code under `root` each question sets; None for one that time did not suffice for.

    `questions`: as `question` makes them, with the `seconds` that each may take. They are asked in one start of the sandbox, each in a fork.
    Nothing is judged: code can forge the marks.
    """
    within = seconds + limits.example_seconds
    asked = {"kind": "cover", "questions": questions, "files": [], "seconds": seconds, "within": within}
    asked |= {"name": marked.name, "size": len(marked.marks), "modules": marked.modules}
    with _Child(root, roots, python, limits, "0", 0.0) as child:
        answer = child.ask(asked, within)
    told = answer.get("answers") if answer else None
    lists = [item.get("ran") for item in told if isinstance(item, dict)] if isinstance(told, list) else []
    numbers = range(len(marked.marks))
    found = [frozenset(n for n in ran if isinstance(n, int) and n in numbers) if isinstance(ran, list) else None for ran in lists][: len(questions)]
    return (*found, *(None for _ in questions[len(found) :]))


class _Child:
    """The process in the sandbox that answers questions, one line each."""

    def __init__(self, root: Path, roots: tuple[str, ...], python: Path, limits: Limits, hash_seed: str, clock_shift: float) -> None:
        self.root, self.roots, self.python, self.limits, self.hash_seed, self.clock_shift = root, roots, python, limits, hash_seed, clock_shift

    def __enter__(self) -> _Child:
        env = {"PATH": f"{self.python.parent}:{sandboxes.PATH}", "PYTHONHASHSEED": self.hash_seed}
        self.stack = contextlib.ExitStack()
        self.box = self.stack.enter_context(sandboxes.code((Mount(self.root, "/graft"),), python=self.python, env=env))
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self.stack.close()

    def start(self) -> None:
        self.answered = False
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 closed in `end`, with the process that writes to it
        command = [str(self.python), "-P", "-s", "-B", self.box.at("/inside/oracle.py")]
        self.process = self.box.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        limits = limits_inside(self.limits, self.limits.example_seconds)
        request = {"box": dict(self.box.inside), "limits": limits, "root": self.box.at("/graft"), "clock_shift": self.clock_shift}
        self.send(request | {"sources": self.roots[::-1], "seconds": self.limits.example_seconds})

    def start_again(self) -> None:
        self.end()
        self.start()

    def end(self) -> None:
        self.box.end(self.process)
        self.errors.close()
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                assert stream is not None
                stream.close()

    def send(self, value: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps(value).encode() + b"\n")
            self.process.stdin.flush()

    def ask(self, asked: object, seconds: float) -> dict[str, Any] | None:
        """The answer, or None when the sandbox ended instead."""
        self.send(asked)
        try:
            answer = _receive(self.process.stdout, seconds + 10)
        except EOFError:
            return None
        self.answered = True
        root = self.box.at("/graft")
        return {key: value.replace(root, PROJECT) if isinstance(value, str) else value for key, value in answer.items()}

    def said(self) -> str:
        """What the process said on standard error."""
        self.errors.seek(0)
        return self.errors.read(8192).decode("utf-8", "replace")


def _about(outcome: TestOutcome, answer: dict[str, Any] | None) -> tuple[TestOutcome, ...]:
    """The outcome with the type and message that were really raised, whatever was expected; for a command, as its standard error ends."""
    if answer is None:
        return ()
    last = str(answer.get("stderr", "")).strip().rpartition("\n")[2]
    kind, _, message = (str(answer.get("type", "")), "", str(answer.get("message", ""))) if "type" in answer else last.partition(": ")
    return (replace(outcome, kind=kind, message=message),)


def _readable(outcome: TestOutcome) -> TestOutcome:
    """Half a surrogate pair cannot be written as UTF-8, so it must not get further than this."""
    return replace(outcome, **{key: getattr(outcome, key).encode("utf-8", "replace").decode() for key in ("kind", "message")})


def _receive(stream: Any, seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([stream], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise EOFError
        piece = stream.read1(1 << 20)
        if not piece or len(line) > 64 << 20:
            raise EOFError
        line += piece
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        raise EOFError from None
    return answer if isinstance(answer, dict) else {"answer": "died"}


def question(example: Example, rounds: int = 1) -> dict[str, object]:
    return {
        "rounds": rounds,
        "kind": "console" if example.compare == "console" else "call",
        "setup": example.setup,
        "call": example.call,
        "stdin": example.stdin,
        "files": [[item.name, item.text] for item in example.files],
    }


# --- judging: pure -------------------------------------------------------------------------------------------------------


def judge(example: Example, answer: dict[str, Any]) -> TestOutcome:
    """`passed`, `changed`, or a word of evidence.RED / evidence.REFUSED with a message that says expected and got."""
    outcome = _judge_first(example, answer)
    changed = answer.get("changed")
    if outcome.outcome != "passed" or not isinstance(changed, dict):
        return outcome
    got, number = _short(str(changed.get("repr", ""))), changed.get("round")
    return TestOutcome(example.id, "changed", "", f"`{example.call}` gave {got} when it was asked for the {number}. time, {_wanted(example)} before")


def _judge_first(example: Example, answer: dict[str, Any]) -> TestOutcome:
    kind = answer.get("answer")
    if kind == "timeout":
        return TestOutcome(example.id, "timeout", "", f"`{example.call}` did not end in time")
    if kind == "died":
        return TestOutcome(example.id, "raised", "", f"`{example.call}` ended the process (exit code {answer.get('exit')})")
    if kind == "too large":
        return TestOutcome(example.id, "wrong value", "", f"`{example.call}` answered {answer.get('size')} bytes")
    if kind == "set-up":
        word = "missing name" if answer.get("type") in ("ImportError", "ModuleNotFoundError", "NameError") else "raised"
        source = str(answer.get("source", "")).strip()
        return TestOutcome(example.id, word, str(answer.get("type")), f"`{source}` raised {_error(answer)}")
    if example.compare == "console":
        return _judge_console(example, answer)
    if example.compare == "raises":
        return _judge_raise(example, answer)
    if kind == "raise":
        word = "missing attribute" if answer.get("type") == "AttributeError" else "raised"
        return TestOutcome(example.id, word, str(answer.get("type")), f"`{example.call}` raised {_error(answer)}, expected {_wanted(example)}")
    if kind != "value":
        return TestOutcome(example.id, "not run", "", "no answer that can be understood")
    if example.compare == "text":
        got = str(answer.get("printed", "")) + ("" if answer.get("none") else str(answer.get("repr", "")))
        if _same_text(example.expected, got, example.ellipsis):
            return TestOutcome(example.id, "passed")
        return TestOutcome(example.id, "wrong value", "", f"`{example.call}` gave {_short(got.strip())!r}, expected {_short(example.expected)!r}")
    wrong = TestOutcome(example.id, "wrong value", "", f"`{example.call}` gave {_short(str(answer.get('repr', '')))}, expected {_wanted(example)}")
    try:
        got_value = untag(answer.get("value"))
    except (ValueError, TypeError, OverflowError, RecursionError):
        return wrong
    right = (
        same_approximately(example.expected, got_value)
        if example.compare == "approx"
        else same(ast.literal_eval(example.expected.strip()), got_value)
    )
    return TestOutcome(example.id, "passed") if right else wrong


def _wanted(example: Example) -> str:
    return ("≈ " if example.compare == "approx" else "") + _short(example.expected)


def _short(text: str, size: int = 400) -> str:
    return text if len(text) <= size else f"{text[:size]}… ({len(text)} characters)"


def _error(answer: dict[str, Any]) -> str:
    message = _short(str(answer.get("message", "")))
    return f"{answer.get('type')}: {message}" if message else str(answer.get("type"))


def _judge_raise(example: Example, answer: dict[str, Any]) -> TestOutcome:
    wanted = f"{example.raises}: {example.expected}" if example.expected else example.raises
    if answer.get("answer") != "raise":
        got = _short(str(answer.get("repr", "")))
        return TestOutcome(example.id, "missing raise", "", f"`{example.call}` gave {got}, expected it to raise {wanted}")
    name, module = str(answer.get("type")), str(answer.get("module"))
    if example.raises in (name, f"{module}.{name}") and _same_text(example.expected, str(answer.get("message")), True):
        return TestOutcome(example.id, "passed")
    return TestOutcome(example.id, "raised", name, f"`{example.call}` raised {_error(answer)}, expected {wanted}")


def _judge_console(example: Example, answer: dict[str, Any]) -> TestOutcome:
    if answer.get("answer") != "console":
        return TestOutcome(example.id, "not run", "", "no answer that can be understood")
    stdout, stderr = str(answer.get("stdout", "")), str(answer.get("stderr", ""))
    code = answer.get("exit")
    shown = any(_same_text(example.expected, text, example.ellipsis) for text in (stdout, stdout + stderr, stderr + stdout))
    if shown and code == example.exit_code:
        return TestOutcome(example.id, "passed")
    got = _short((stdout + stderr).strip())
    word = "missing name" if "No module named" in stderr or "can't open file" in stderr else "wrong value"
    return TestOutcome(
        example.id,
        word,
        "",
        f"`{example.call}` printed {got!r} and ended with exit code {code}, expected {_short(example.expected)!r} and {example.exit_code}",
    )


def _same_text(expected: str, got: str, ellipsis: bool) -> bool:
    """Equal but for white space at the ends of lines and empty lines at the end; `...` matches any text when `ellipsis`."""
    expected, got = _tidy(expected), _tidy(got)
    if not ellipsis or "..." not in expected:
        return expected == got
    pattern = ".*".join(re.escape(part) for part in expected.split("..."))
    return re.fullmatch(pattern, got, re.DOTALL) is not None


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.rstrip().split("\n"))


def untag(tagged: Any) -> Any:
    """The value that `inside/oracle.py::tagged` described. ValueError for anything that is not exactly that form, or is `other`."""
    match tagged:
        case ["literal", None | True | False as value]:
            return value
        case ["int", str(text)]:
            return int(text, 16)
        case ["float", str(text)]:
            return float.fromhex(text)
        case ["complex", str(real), str(imag)]:
            return complex(float.fromhex(real), float.fromhex(imag))
        case ["text", str(text)]:
            return text
        case ["str", str(text)]:
            return bytes.fromhex(text).decode("utf-8", "surrogatepass")
        case ["bytes", str(text)]:
            return bytes.fromhex(text)
        case ["list", list(items)]:
            return [untag(item) for item in items]
        case ["tuple", list(items)]:
            return tuple(untag(item) for item in items)
        case ["set", list(items)]:
            return {untag(item) for item in items}
        case ["frozenset", list(items)]:
            return frozenset(untag(item) for item in items)
        case ["dict", list(pairs)]:
            return {untag(key): untag(item) for key, item in pairs}
    raise ValueError("not a value of a builtin type")


def same(expected: object, got: object) -> bool:
    """Equal in type and value all the way down: True is not 1, 1 is not 1.0, a tuple is not a list. Not-a-number equals itself."""
    if type(expected) is not type(got):
        return False
    if isinstance(expected, float) and isinstance(got, float):
        return expected.hex() == got.hex()
    if isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)):
        return len(expected) == len(got) and all(same(a, b) for a, b in zip(expected, got, strict=True))
    if isinstance(expected, dict) and isinstance(got, dict):
        return len(expected) == len(got) and all(_has(got.items(), (key, value)) for key, value in expected.items())
    if isinstance(expected, (set, frozenset)) and isinstance(got, (set, frozenset)):
        return len(expected) == len(got) and all(_has(got, item) for item in expected)
    return bool(expected == got)


def _has(items: Any, wanted: object) -> bool:
    return any(same(wanted, item) for item in items)


def same_approximately(expected: str, got: object) -> bool:
    """`≈ 3.14` equals any number within half a unit of its last written digit (0.005)."""
    if isinstance(got, bool) or not isinstance(got, (int, float)):
        return False
    text = expected.strip().lstrip("≈").strip().replace("_", "")
    try:
        wanted = float(text)
    except ValueError:
        return False
    try:
        return abs(wanted - got) <= tolerance(text) * (1 + 1e-9)
    except OverflowError:  # an integer beyond any float
        return False


def tolerance(text: str) -> float:
    """Half a unit of the last written digit of a number, for example 0.005 for `3.14`."""
    mantissa, _, exponent = text.strip().lstrip("≈").strip().lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return float(f"5e{int(exponent or 0) - decimals - 1}")
