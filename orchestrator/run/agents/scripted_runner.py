"""Calls `turn(brief, folder)` of a script, in a child process. Standard library only; nothing of this package is imported here.

The brief comes as JSON on standard input. The answer goes as one JSON object to the original standard output: `{"answer": …}` or
`{"error": "file:line: Type: message"}`. What the script prints goes to standard error.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def main(script: str) -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    brief = json.load(sys.stdin, object_hook=lambda values: SimpleNamespace(**values))
    try:
        reply = {"answer": call(script, brief)}
        text = json.dumps(reply)
    except BaseException as error:
        text = json.dumps({"error": describe(script, error)})
    sys.stdout.flush()
    answers.write(text)
    answers.close()


def call(script: str, brief: Any) -> Any:
    names: dict[str, Any] = {"__name__": "script", "__file__": script}
    source = Path(script).read_bytes()
    exec(compile(source, script, "exec"), names)
    if not callable(names.get("turn")):
        raise NameError("the script defines no function `turn(brief, folder)`")
    return names["turn"](brief, Path.cwd())


def describe(script: str, error: BaseException) -> str:
    """`file:line: Type: message`, the line being the innermost one in the script."""
    if isinstance(error, SyntaxError) and error.filename == script:
        lines = [error.lineno]
        message = error.msg
    else:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == script]
        message = str(error)
    return f"{script}:{lines[-1] if lines else 1}: {type(error).__name__}: {message}"


if __name__ == "__main__":
    main(sys.argv[1])
