import re

STAGES = {"a": 0, "b": 1, "rc": 2, None: 3}


def parts(version: str) -> tuple[list[int], int, int]:
    found = re.fullmatch(r"v?([0-9]+(?:\.[0-9]+)*)(?:-(a|b|rc)([0-9]+))?", version)
    if found is None:
        raise ValueError(f"bad version: {version}")
    numbers = [int(number) for number in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers, STAGES[found[2]], int(found[3] or 0)


def compare(first: str, second: str) -> int:
    a, b = parts(first), parts(second)
    return (a > b) - (a < b)


def newest(versions: list[str], previews: bool = False) -> str:
    known = [(parts(version), version) for version in versions]
    best = None
    for each in known:
        if (previews or each[0][1] == 3) and (best is None or each[0] > best[0]):
            best = each
    if best is None:
        raise LookupError("no release")
    return best[1]
