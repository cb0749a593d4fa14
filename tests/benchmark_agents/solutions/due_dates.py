from datetime import date, timedelta

HOLIDAYS = {(12, 25), (12, 26), (1, 1)}


def is_open(day: date) -> bool:
    return day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS


def due(start: str, days: int) -> str:
    if days < 0:
        raise ValueError("days must not be negative")
    day = date.fromisoformat(start)
    while days > 0:
        day += timedelta(days=1)
        days -= is_open(day)
    while not is_open(day):
        day += timedelta(days=1)
    return day.isoformat()
