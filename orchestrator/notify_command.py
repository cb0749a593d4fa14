"""`orchestrator notify`: who is told what; `--test` sends each of them a message now."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from orchestrator import notifying
from orchestrator.config import Config
from orchestrator.errors import Exit, SetupError, UsageError
from orchestrator.run import mentions
from orchestrator.settings.notify import EVENTS
from orchestrator.show.console import terminal


def notify(options: argparse.Namespace, root: Path, config: Config) -> Exit:
    urls, unset = notifying.addresses(config)
    if options.test:
        return _test(urls, unset, root, config)
    for url in urls:
        print(f"to  {notifying.shown(url)}")
    for name in unset:
        print(f"to  {name}, which is not set")
    if not urls and not unset:
        print("nobody is told: name them under `notify.to` or `notify.to_env`")
    for event, sentence in EVENTS.items():
        print(f"{'on ' if event in config.notify.on else 'off'} {event:<10} {sentence}")
    if importlib.util.find_spec("apprise") is None:
        print(f"Apprise is not installed: {notifying.INSTALL}")
    return Exit.DONE


def _test(urls: tuple[str, ...], unset: tuple[str, ...], root: Path, config: Config) -> Exit:
    """Send each of them a message, whatever was sent lately."""
    if unset:
        raise UsageError(f"`notify.to_env` names {', '.join(unset)}, which is not set", hint="export it where the orchestrator runs")
    if not urls:
        raise UsageError("nobody is told", hint="name them under `notify.to` or `notify.to_env` in orchestrator.yaml")
    clean = notifying.cleaner(config)
    title, text = "TDD orchestrator: a test", clean(mentions.harmless(f"This is a test from {root.name}: messages arrive here."))
    ended = Exit.DONE
    for url in urls:
        if why := notifying.send(url, title, text, "info", clean):
            print(terminal.safe(f"not sent: {why}"))
            ended = SetupError.exit_code
        else:
            print(f"sent to {notifying.shown(url)}")
    return ended
