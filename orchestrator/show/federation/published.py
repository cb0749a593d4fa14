"""Asks published sites for their data, over the network: little, briefly, and nothing that they answer breaks a build.

What a site said is kept under `runs/.sources/`, and shown as old when it does not answer another time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from orchestrator.run.agents.prices import is_local
from orchestrator.save.files import write_atomically
from orchestrator.show.federation import sources
from orchestrator.show.federation.sources import Answer, Refused, Source

if TYPE_CHECKING:
    import httpx

    from orchestrator.show.data_api.api_models import Projects

REDIRECTS = 3
FILE_BYTES = 1_000_000
"""Most of one file."""
LISTS = 20
"""Most files of a list of projects."""
CONNECT_SECONDS = 5.0
GRACE = 2.0
"""After the time that a site is given it is no longer waited for, whatever hangs."""


def read(named: dict[str, str], cache: Path, seconds: float, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> list[Source]:
    """The published sites at these addresses (address → label), all asked at once, each for `seconds`."""
    told: dict[str, Answer | str] = {}

    def ask(url: str) -> None:
        try:
            told[url] = _ask(url, seconds, now)
        except Refused as error:
            told[url] = str(error)

    threads = [threading.Thread(target=ask, args=(url,), daemon=True) for url in named]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + seconds + GRACE
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    return [_source(name, url, told.get(url, _late(seconds)), cache) for url, name in named.items()]


def _late(seconds: float) -> str:
    return f"it did not answer within {seconds:g} s"


def _source(label: str, url: str, said: Answer | str, cache: Path) -> Source:
    path = cache / sources.cache_name(url)
    if isinstance(said, Answer):
        write_atomically(path, said.model_dump_json(by_alias=True) + "\n")
        return Source(label, sources.shown(url), "", said)
    try:
        before = sources.kept(path.read_bytes(), url)
    except OSError:
        before = None
    return Source(label, sources.shown(url), said, before)


def _ask(url: str, seconds: float, now: Callable[[], datetime]) -> Answer:
    """Raises Refused."""
    import httpx

    start = sources.index_address(url)
    deadline = time.monotonic() + seconds
    try:
        with httpx.Client(follow_redirects=False, trust_env=not is_local(start)) as client:
            at, data = _get(client, start, deadline, seconds)
            index = sources.index(data)
            lists: list[tuple[str, Projects]] = []
            place = sources.whole(at, index.projects)
            seen: Sequence[str] = ()
            while place and place not in seen and len(lists) < LISTS:
                seen = (*seen, place)
                came_from, data = _get(client, place, deadline, seconds)
                lists.append((came_from, sources.projects(data)))
                place = sources.whole(came_from, lists[-1][1].next)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Refused(_why(error, seconds)) from None
    return sources.answered(url, now().strftime("%Y-%m-%dT%H:%M:%SZ"), (at, index), lists)


def _get(client: httpx.Client, url: str, deadline: float, seconds: float) -> tuple[str, bytes]:
    """(address in the end, bytes). Raises Refused, httpx.HTTPError."""
    import httpx

    for _ in range(REDIRECTS + 1):
        left = deadline - time.monotonic()
        if left <= 0:
            raise Refused(_late(seconds))
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "tdd-orchestrator"}
        with client.stream("GET", url, headers=headers, timeout=httpx.Timeout(left, connect=min(left, CONNECT_SECONDS))) as reply:
            if reply.has_redirect_location:
                url = _next(url, reply.headers["Location"])
                continue
            if reply.status_code != 200:
                raise Refused(f"it answers {reply.status_code} at {_shown(url)}")
            if reply.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise Refused("it answers compressed data, which nobody asked for")
            body = bytearray()
            for chunk in reply.iter_raw(65536):
                body += chunk
                if len(body) > FILE_BYTES:
                    raise Refused(f"it answers more than {FILE_BYTES:,} bytes")
                if time.monotonic() > deadline:
                    raise Refused(_late(seconds))
            return url, bytes(body)
    raise Refused(f"it redirects more than {REDIRECTS} times")


def _next(url: str, location: str) -> str:
    try:
        found = urljoin(url, location)
        parts = urlsplit(found)
    except ValueError:
        raise Refused("it redirects to what is no address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise Refused("it redirects to what is no http or https address")
    if urlsplit(url).scheme == "https" and parts.scheme == "http":
        raise Refused("it redirects from https to http")
    return found


def _shown(url: str) -> str:
    return urlsplit(url)._replace(query="", fragment="").geturl()[:200]


def _why(error: Exception, seconds: float) -> str:
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return _late(seconds)
    return f"it cannot be reached: {str(error)[:200] or type(error).__name__}"
