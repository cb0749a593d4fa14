"""Progress in a terminal: below the lines as they come, a few that are drawn again and again. Drawn by rich; nothing that is shown is markup."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.run import stopping
from orchestrator.show.console.progress import Progress, Row, clock
from orchestrator.show.console.terminal import safe
from orchestrator.telling import Tell, Told

BARS = ((90, 20), (60, 10))
"""From so many columns on the bar has so many; below there is none."""
TIMES_A_SECOND = 4


@contextmanager
def live() -> Iterator[Tell]:
    """Draws until the block ends; then what was drawn is gone and the lines stay."""
    console = Console(markup=False, emoji=False, highlight=False)
    progress, lock = Progress(time.time()), threading.Lock()
    screen, ended = threading.RLock(), threading.Event()  # one writes at a time: rich moves the cursor by what it drew last

    def tell(told: Told) -> None:
        with lock:
            progress.take(told)
        if told.text:
            with screen:
                console.print(Text(safe(told.text)), soft_wrap=True)

    def draw() -> None:
        while not ended.wait(1 / TIMES_A_SECOND):
            with screen:
                drawing.refresh()

    def drawn() -> RenderableType:
        with lock:
            return picture(progress, time.time(), console.width, console.height)

    def notice(text: str) -> None:
        progress.notice = text

    drawing = Live(
        get_renderable=drawn,
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=True,
        redirect_stderr=sys.stderr.isatty(),
    )
    drawer = threading.Thread(target=draw, name="progress", daemon=True)
    with stopping.said_by(notice), drawing:
        drawer.start()
        try:
            yield tell
        finally:
            ended.set()
            drawer.join()


def picture(progress: Progress, now: float, width: int, height: int) -> RenderableType:
    """What is drawn now. It never takes more than half of the terminal's lines."""
    table = Table.grid(expand=True, padding=(0, 1, 0, 0))
    bar = next((columns for least, columns in BARS if width >= least), 0)
    table.add_column(ratio=2, no_wrap=True, overflow="ellipsis")
    if bar:
        table.add_column(width=bar, no_wrap=True)
    table.add_column(justify="right", no_wrap=True, overflow="ellipsis", style="green")
    table.add_column(ratio=3, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True, style="dim")
    for row in progress.rows(now, max(1, height // 2 - 2)):
        table.add_row(*_cells(row, bar))
    notice = [Text(progress.notice, style="yellow", no_wrap=True, overflow="ellipsis")] if progress.notice else []
    return Group(table, *notice, Text(progress.summary(now), style="bold", no_wrap=True, overflow="ellipsis"))


def _cells(row: Row, bar: int) -> list[RenderableType]:
    drawn: list[RenderableType] = []
    if bar:
        drawn = [Text() if row.total is None else ProgressBar(total=max(1, row.total), completed=row.done, width=bar)]
    counts = "" if row.total is None else f"{row.done}/{row.total}"
    return [Text(safe(row.name)), *drawn, Text(counts), Text(safe(row.words)), Text(clock(row.seconds) if row.seconds else "")]
