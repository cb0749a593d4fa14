def fare(age: int, zones: int, off_peak: bool = False) -> int:
    if age < 0:
        raise ValueError("age must not be negative")
    if zones < 1:
        raise ValueError("zones must be at least 1")
    if age < 6:
        return 0
    full = 240 + 80 * (min(zones, 6) - 1)
    if age < 16:
        percent = 50
    elif age >= 65 and off_peak:
        percent = 70
    else:
        return full
    return -(-full * percent // 1000) * 10
