"""Cron expressions of five fields in a time zone → the moments they mean. Pure; APScheduler reads the fields.

The fields are those of cron: a weekday is 0 to 7 (0 and 7 are Sunday) or `mon` to `sun`, and where both a day of the month and a weekday are given,
either will do. What the clock does at the switches of daylight saving:

- A time that is skipped means the moment at which it would have been: 02:30 is 03:30 that day. Nothing is left out, nothing happens twice.
- A time that comes twice means its first, unless the hour is `*`: what happens every hour happens in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LONGEST_GAP = timedelta(hours=3)
"""More than any switch of any zone moves the clock in one night."""
_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")


@dataclass(frozen=True)
class Cron:
    """A cron expression in a time zone. `cron` makes one."""

    text: str
    """The five fields, one blank between them."""
    timezone: str

    def after(self, moment: datetime) -> datetime | None:
        """The first moment after `moment`, in UTC; None when there never is one. `moment` knows its offset."""
        zone, moment = ZoneInfo(self.timezone), moment.astimezone(UTC)
        soonest: datetime | None = None
        # Around a switch the order of wall times is not that of moments, so that several are looked at.
        for wall in self._walls(moment.astimezone(zone).replace(tzinfo=None) - LONGEST_GAP):
            for meant in self._moments(wall, zone):
                if meant > moment and (soonest is None or meant < soonest):
                    soonest = meant
            if soonest is not None and wall - soonest.astimezone(zone).replace(tzinfo=None) > LONGEST_GAP:
                break
        return soonest

    def _walls(self, since: datetime) -> Iterator[datetime]:
        """What clocks on a wall show, from `since` on; a clock that is never changed."""
        triggers = _triggers(self.text)
        wall = since.replace(tzinfo=UTC)
        while found := [each for trigger in triggers if (each := trigger.get_next_fire_time(None, wall))]:
            yield min(found).replace(tzinfo=None)
            wall = min(found) + timedelta(microseconds=1)

    def _moments(self, wall: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
        first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        twice = second > first and first.astimezone(zone).replace(tzinfo=None) == wall and second.astimezone(zone).replace(tzinfo=None) == wall
        return (first, second) if twice and self.text.split()[1] == "*" else (first,)


def cron(text: str, timezone: str = "UTC") -> Cron:
    """A cron expression; a time zone may stand after its five fields. Raises ValueError that says what is wrong."""
    fields = text.split()
    if len(fields) == 6 and not re.fullmatch(r"[\d*,/-]+", fields[5]):
        *fields, timezone = fields
    if len(fields) != 5:
        raise ValueError(f"{text!r} is no cron expression: five fields are needed, for example `0 2 * * *`")
    made = Cron(" ".join(fields), zone(timezone).key)
    try:
        triggers = _triggers(made.text)
    except (ValueError, LookupError) as error:
        raise ValueError(f"{text!r} is no cron expression: {error}") from None
    if not any(trigger.get_next_fire_time(None, datetime(2000, 1, 1, tzinfo=UTC)) for trigger in triggers):
        raise ValueError(f"{text!r} never happens: there is no such day")
    return made


def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        raise ValueError(f"{name!r} is no time zone: an IANA name, for example Europe/Berlin") from None


def moment(text: str, timezone: str = "UTC") -> datetime:
    """A date or a date with a time, `2026-12-01`, `2026-12-01 08:00`, `2026-12-01T08:00+01:00`, with a time zone after it where it is in another than
    `timezone`; in UTC. A time that is skipped or comes twice is meant as in `Cron`. Raises ValueError."""
    words = re.sub(r"\s+(?=[+-]\d\d)", "", text.strip())
    if named := re.fullmatch(r"(\S+(?:[ T]\d[\d:.]*)?)\s+([A-Za-z][\w+/-]*)", words):
        words, timezone = named[1], named[2]
    try:
        found = datetime.fromisoformat(words)
    except ValueError:
        raise ValueError(f"{text!r} is no date: write for example `2026-12-01 08:00 Europe/Berlin`") from None
    return (found if found.tzinfo else found.replace(tzinfo=zone(timezone))).astimezone(UTC)


@lru_cache(maxsize=256)
def _triggers(text: str) -> tuple[Any, ...]:
    """APScheduler's triggers, over a clock without a time zone; two where the day of the month or the weekday will do."""
    from apscheduler.triggers.cron import CronTrigger

    minute, hour, day, month, weekday = text.split()
    days = [(day, _weekdays(weekday))] if day.startswith("*") or weekday.startswith("*") else [(day, "*"), ("*", _weekdays(weekday))]
    return tuple(
        CronTrigger(minute=minute, hour=hour, day=each, month=month.lower(), day_of_week=of_week, second=0, timezone=UTC) for each, of_week in days
    )


def _weekdays(field: str) -> str:
    """Weekdays by name: cron counts from Sunday, APScheduler from Monday."""
    if field == "*":
        return field
    found: set[int] = set()
    for part in field.lower().split(","):
        read = _PART.fullmatch(part)
        if not read:
            raise ValueError(f"{part!r} is no weekday")
        first = 0 if read["first"] == "*" else _weekday(read["first"])
        last = 6 if read["first"] == "*" or (read["step"] and not read["last"]) else _weekday(read["last"] or read["first"])
        step = int(read["step"] or 1)
        if not step:
            raise ValueError(f"{part!r} has a step of 0")
        found |= {day % 7 for day in range(first, last + (7 if last < first else 0) + 1, step)}
    return ",".join(DAYS[day] for day in sorted(found))


def _weekday(word: str) -> int:
    if word in DAYS:
        return DAYS.index(word)
    if word.isdigit() and int(word) <= 7:
        return int(word)
    raise ValueError(f"{word!r} is no weekday: 0 to 7 or mon to sun")
