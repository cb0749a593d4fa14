def ranking(scores: dict[str, int | None]) -> list[str]:
    played = {name: score for name, score in scores.items() if score is not None}
    lines = []
    for name, score in sorted(played.items(), key=lambda item: (-item[1], item[0].lower())):
        better = sum(other > score for other in played.values())
        shared = sum(other == score for other in played.values()) > 1
        lines.append(f"{better + 1}{'=' if shared else '.'} {name} ({score})")
    absent = sorted((name for name, score in scores.items() if score is None), key=str.lower)
    return [*lines, *(f"-. {name}" for name in absent)]
