"""The scripted agent that plays every case. The harness puts `PLAYS` before this text: PRD → what is played there."""

import ast
from pathlib import Path


def turn(brief, folder):
    play = PLAYS[brief.prd]  # noqa: F821
    requirement = brief.task.partition("#")[2]
    if brief.role == "tests":
        write(folder, {brief.writable[0]: play["tests"]})
        return "the tests are written"
    if requirement != play["last"]:
        write(folder, play["earlier"][requirement])
        return "done"
    names = {"brief": brief, "folder": folder, "shown": shown, "Path": Path}
    exec(compile(play["script"], "script of " + brief.prd, "exec"), names)
    files = play["files"]
    if any("__SHOWN__" in text for text in files.values()):
        table = repr(shown(folder))
        files = {path: text.replace("__SHOWN__", table) for path, text in files.items()}
    write(folder, files)
    return names.get("said", "Done. All tests pass.")


def write(folder, files):
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def shown(folder):
    """The examples that the locked tests give away: argument (of one) or arguments → answer; for programs the argument → (text, exit code)."""
    found = {}
    for path in sorted((folder / "tests").rglob("test_*.py")):
        for function in ast.parse(path.read_text()).body:
            if isinstance(function, ast.FunctionDef):
                found.update(_asserted(function))
    if not found:
        raise LookupError("the locked tests show no example")
    return found


def _asserted(function):
    expected = None
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "expected":
            expected = ast.literal_eval(node.value)
    for node in ast.walk(function):
        if not isinstance(node, ast.Assert) or not isinstance(node.test, ast.Compare) or not isinstance(node.test.left, ast.Call):
            continue
        call, answer = node.test.left, node.test.comparators[0]
        if ast.unparse(call.func) == "str":  # the message of a raise
            continue
        if getattr(call.func, "id", "") == "console":
            yield call.args[0].value.split()[-1], (expected, answer.elts[1].value)
            continue
        if isinstance(answer, ast.Call):  # pytest.approx
            answer = answer.args[0]
        if not all(isinstance(item, ast.Constant | ast.List | ast.Tuple | ast.UnaryOp) for item in call.args):
            continue
        arguments = [ast.literal_eval(item) for item in call.args]
        yield (arguments[0] if len(arguments) == 1 else tuple(arguments)), ast.literal_eval(answer)
