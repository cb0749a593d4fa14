def split(cents: int, shares: list[int]) -> list[int]:
    if not shares:
        raise ValueError("nobody to split with")
    if any(share < 0 for share in shares):
        raise ValueError("shares must not be negative")
    total = sum(shares)
    if total == 0:
        raise ValueError("all shares are zero")
    if cents < 0:
        return [-part for part in split(-cents, shares)]
    parts = [cents * share // total for share in shares]
    order = sorted(range(len(shares)), key=lambda place: -(cents * shares[place] % total))
    for place in order[: cents - sum(parts)]:
        parts[place] += 1
    return parts
