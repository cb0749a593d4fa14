"""Messages to people while a run works: one thread sends them, through Apprise. A run never fails for it, and waits for it but a moment at its end.

What cannot be sent is said once. URLs are secrets: they are shown by their kind alone, and taken out of everything that is sent or said.
"""

from __future__ import annotations

import os
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.config import Config
from orchestrator.errors import OrchestratorError, SetupError
from orchestrator.run import redaction
from orchestrator.run.redaction import LEAST, MARK
from orchestrator.save import throttle
from orchestrator.save.ledger import Ledger, ledger_of
from orchestrator.show.messages import notices
from orchestrator.show.messages.notices import Digest, Notice
from orchestrator.telling import Tell, Told

MISSING = "they are configured, and Apprise is not installed"
INSTALL = "`pip install 'tdd-orchestrator[notify]'`"


def addresses(config: Config) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(Apprise URLs, variables of `to_env` that are not set)."""
    found = [url.get_secret_value() for url in config.notify.to]
    unset = []
    for name in config.notify.to_env:
        urls = os.environ.get(name, "").split()
        found += urls
        unset += [] if urls else [name]
    return tuple(dict.fromkeys(found)), tuple(unset)


def shown(url: str) -> str:
    """A URL's kind: all else of it may be secret."""
    return f"{url.partition('://')[0]}://…" if re.match(r"[a-z0-9+]{1,20}://", url, re.IGNORECASE) else "…"


def cleaner(config: Config) -> Callable[[str], str]:
    """Text → the same without anything that is secret, the URLs and their parts first."""
    urls, _ = addresses(config)
    parts = {part for url in urls for part in (url, *re.split(r"[/:@?&=#]+", url.partition("://")[2])) if len(part) >= LEAST}
    ordered, clean = sorted(parts, key=len, reverse=True), redaction.of(config).cleaner(os.environ)

    def cleaned(text: str) -> str:
        for part in ordered:
            text = text.replace(part, MARK)
        return clean(text)

    return cleaned


def send(url: str, title: str, text: str, kind: str, clean: Callable[[str], str]) -> str:
    """Send one message; why that failed, '' when it did not. Raises SetupError where Apprise is not installed."""
    try:
        import apprise
    except ModuleNotFoundError:
        raise SetupError(MISSING, hint=INSTALL) from None
    place = apprise.Apprise(asset=apprise.AppriseAsset(app_id="TDD Orchestrator", app_url="", storage_mode="memory", service_timeout=0))
    if not place.add(url):
        return f"{shown(url)} is no URL that Apprise knows"
    done = place.notify(body=text, title=title, notify_type=kind, body_format="text")
    if done:
        return ""
    said = [entry.message for entry in done.logs() if entry.level in ("WARNING", "ERROR", "CRITICAL")]
    return clean(f"{shown(url)}: {' '.join(said[-1].split())[:300] if said else 'it was not taken'}")


@contextmanager
def telling(root: Path, config: Config, tell: Tell) -> Iterator[Tell]:
    """What a run tells goes on to `tell`, and to the people who are configured."""
    urls, unset = addresses(config)
    for name in unset:
        tell(Told(f"notifications: the environment variable {name} (`notify.to_env`) is not set"))
    if not urls:
        yield tell
        return
    sender = _Sender(config, ledger_of(root, config), urls, tell)
    try:
        yield sender.tell
    except Exception as error:
        sender.stopped(error)
        raise
    finally:
        sender.close()


class _Sender:
    """Takes what is told, and sends from a thread of its own."""

    def __init__(self, config: Config, ledger: Ledger, urls: tuple[str, ...], tell: Tell) -> None:
        self.config, self.ledger, self.urls, self.onwards = config, ledger, urls, tell
        self.clean = cleaner(config)
        self.digest = Digest()
        self.lock = threading.Lock()
        self.said: set[str] = set()
        """Failures that were told."""
        self.waiting: queue.SimpleQueue[Notice | None] = queue.SimpleQueue()
        self.open = 0
        """Messages that are not dealt with."""
        self.thread = threading.Thread(target=self._work, name="notifications", daemon=True)
        self.thread.start()

    def tell(self, told: Told) -> None:
        self.onwards(told)
        with self.lock:
            self.digest.add(told)
            self._put(self.digest.notice(told) if told.kind == "run ended" else notices.notice(told))

    def stopped(self, error: Exception) -> None:
        """The run came to no end of its own."""
        said = error.message if isinstance(error, OrchestratorError) else f"{type(error).__name__}: {error}"
        with self.lock:
            self._put(notices.stopped(said, time.time()))

    def _put(self, found: Notice | None) -> None:
        if found is not None and found.event in self.config.notify.on:
            self.open += 1
            self.waiting.put(found)

    def close(self) -> None:
        self.waiting.put(None)
        self.thread.join(self.config.notify.seconds)
        if self.thread.is_alive():
            self._say(f"{self.open} could not be sent within {self.config.notify.seconds:g} seconds")

    def _work(self) -> None:
        while (found := self.waiting.get()) is not None:
            try:
                self._send(found)
            except Exception as error:  # whatever goes wrong here is no reason for a run to fail
                self._say(self.clean(str(error)))
            with self.lock:
                self.open -= 1

    def _send(self, found: Notice) -> None:
        settings = self.config.notify
        may, held, since = throttle.claim(self.ledger, found.event, settings.every_seconds)
        if not may:
            return
        failed = []
        try:
            title, text = notices.message(found, settings, held, since or time.time(), self.clean)
            failed = [why for url in self.urls if (why := send(url, title, text, found.type, self.clean))]
        except Exception:
            throttle.give_back(self.ledger, found.event, held, since)
            raise
        if len(failed) == len(self.urls):
            throttle.give_back(self.ledger, found.event, held, since)
        for why in failed:
            self._say(why)

    def _say(self, why: str) -> None:
        """Once."""
        if why not in self.said:
            self.said.add(why)
            self.onwards(Told(f"notifications: {why}"))
