import re

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def parse(text: str) -> int:
    wanted = text.strip()
    if not wanted:
        raise ValueError("empty duration")
    if re.fullmatch(r"[0-9]+", wanted):
        return int(wanted)
    found = re.fullmatch(r"(?:([0-9]+)d)?\s*(?:([0-9]+)h)?\s*(?:([0-9]+)m)?\s*(?:([0-9]+)s)?", wanted)
    if found is None:
        raise ValueError(f"bad duration: {text}")
    return sum(int(number or 0) * size for number, size in zip(found.groups(), UNITS.values(), strict=True))


def show(seconds: int) -> str:
    if seconds < 0:
        raise ValueError("negative duration")
    parts = []
    for unit, size in UNITS.items():
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number}{unit}")
    return " ".join(parts[:2]) or "0s"
