"""The pages of many runs, rendered by several processes: what each does follows from its input alone, so the site is the same however many.

A worker is this module as a program: a line of JSON in for each batch of runs, a line out with what was made. It ends when its input does, so
it outlives a build that was killed by a batch at most; it has the lock of that build too, so the next build waits for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orchestrator
from orchestrator.show import addresses, gather
from orchestrator.show.build import parts
from orchestrator.show.build.builder import Builder, Settings
from orchestrator.show.build.shell import Chrome

BATCH = 25
"""Runs given to a worker at a time."""
WORTH = 100
"""Fewer runs than that are rendered by the build itself: a worker takes half a second to start."""

Made = tuple[list[str], dict[str, Any]]
"""Files and data of a run."""


class Workers:
    """`with Workers(…)`: runs are given, and taken by project; those that no worker made are made when they are taken."""

    def __init__(self, builder: Builder, lock: int | None, runs: int) -> None:
        self._builder, self._lock = builder, lock
        count = _processors() if runs >= WORTH else 1
        self._threads = ThreadPoolExecutor(count) if count > 1 else None
        self._own = threading.local()
        self._processes: list[subprocess.Popen[str]] = []
        self._given: dict[str, list[Future[dict[str, Made]]]] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._threads:
            self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            process.communicate()

    def give(self, project: gather.ProjectFiles, runs: Sequence[gather.RunFiles]) -> None:
        if self._threads:
            batches = [runs[start : start + BATCH] for start in range(0, len(runs), BATCH)]
            self._given[project.name] = [self._threads.submit(self._ask, project, batch) for batch in batches]

    def take(self, project: gather.ProjectFiles, runs: Sequence[gather.RunFiles]) -> Iterator[tuple[str, Made]]:
        """(run id, what was made of it), in order."""
        done: dict[str, Made] = {}
        for future in self._given.pop(project.name, ()):
            done |= future.result()
        for run in runs:
            yield run.id, done[run.id] if run.id in done else render(self._builder, project, run)

    def _ask(self, project: gather.ProjectFiles, runs: Sequence[gather.RunFiles]) -> dict[str, Made]:
        """What a worker made of a batch; nothing when it could not, since the build itself then meets what it met."""
        process: subprocess.Popen[str] | None = getattr(self._own, "process", None)
        if process is None:
            process = self._own.process = self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps([project._replace(runs=()), runs], default=str) + "\n")
            process.stdin.flush()
            made = json.loads(process.stdout.readline())
        except (OSError, ValueError):
            return {}
        return {run_id: (files, data) for run_id, files, data in made}

    def _start(self) -> subprocess.Popen[str]:
        builder = self._builder
        places = [str(path.resolve()) for path in (builder.runs, builder.site, builder.theme.folder)]
        package = str(Path(orchestrator.__file__).resolve().parents[1])
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.show.build.workers", *places, builder.theme.key, json.dumps(builder.settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="ascii",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))},
            pass_fds=() if self._lock is None else (self._lock,),
        )
        self._processes.append(process)
        return process


def render(builder: Builder, project: gather.ProjectFiles, run: gather.RunFiles) -> Made:
    files, data = builder.make(parts.run(builder, project, run), builder.site / addresses.folder(project.name))
    return files, dict(data)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    runs, site, chrome = map(Path, sys.argv[1:4])
    builder = Builder(runs, site, Chrome(chrome, sys.argv[4]), Settings(*json.loads(sys.argv[5])))
    for line in sys.stdin:
        project, batch = _values(json.loads(line))
        print(json.dumps([(run.id, *render(builder, project, run)) for run in batch]), flush=True)


def _values(sent: Any) -> tuple[gather.ProjectFiles, list[gather.RunFiles]]:
    (name, folder, report, key, _, source), runs = sent
    batch = [gather.RunFiles(run, Path(found), _path(junit), _path(log), hash_, _path(before)) for run, found, junit, log, hash_, before in runs]
    return gather.ProjectFiles(name, Path(folder), Path(report), key, tuple(batch), source), batch


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)


if __name__ == "__main__":
    main()
