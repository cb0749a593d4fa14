def table(rows: list[list[object]]) -> list[str]:
    width = max((len(row) for row in rows), default=0)
    cells = [[*row, *[None] * (width - len(row))] for row in rows]

    def is_number(value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool)

    def shown(value: object) -> str:
        return "" if value is None else "yes" if value is True else "no" if value is False else str(value)

    widths = [max(len(shown(row[column])) for row in cells) for column in range(width)]
    lines = []
    for row in cells:
        parts = [shown(value).rjust(size) if is_number(value) else shown(value).ljust(size) for value, size in zip(row, widths, strict=True)]
        lines.append("  ".join(parts).rstrip())
    return lines
