"""From the JSON of a run: totals, targets and a short Markdown table. Nothing here measures.

Arms are compared over the pairs of PRD and seed that all of them have finished; what asked for nothing random counts for each seed.
"""

from __future__ import annotations

from typing import Any

FALSE_DONE = 0.05
"""Most false "done" among what the pipeline claims."""
LABELS = {
    "one-shot": "one shot",
    "plain-retry": "plain retry",
    "pipeline": "pipeline",
    "ablation": "pipeline without oracle and held-out",
}


def found(document: dict[str, Any], prd: str, arm: str, seed: int) -> dict[str, Any] | None:
    """The unit for it, which may be that of another seed where nothing random was asked for."""
    units = [unit for unit in document["units"] if (unit["prd"], unit["arm"]) == (prd, arm)]
    return next((unit for unit in units if unit["seed"] == seed or not unit["sampled"]), None)


def compared(document: dict[str, Any]) -> list[tuple[str, int]]:
    """(PRD, seed) that every arm of the document has finished."""
    pairs = [(prd, seed) for seed in document["seeds"] for prd in document["prds"]]
    return [(prd, seed) for prd, seed in pairs if all(found(document, prd, arm, seed) for arm in document["arms"])]


def missing(document: dict[str, Any]) -> list[str]:
    """In words, what is not measured."""
    return [
        f"{prd}, {LABELS[arm]}, seed {seed}"
        for seed in document["seeds"]
        for prd in document["prds"]
        for arm in document["arms"]
        if found(document, prd, arm, seed) is None
    ]


def totals(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Arm → counts over the compared pairs, and sums of what the agent took."""
    pairs = compared(document)
    result = {}
    for arm in document["arms"]:
        units = [unit for prd, seed in pairs if (unit := found(document, prd, arm, seed))]
        done = sum(unit["done"] for unit in units)
        false = sum(unit["false_done"] for unit in units)
        result[arm] = {
            "pairs": len(units),
            "solved": sum(unit["solved"] for unit in units),
            "done": done,
            "false_done": false,
            "right_refused": sum(unit["right_refused"] for unit in units),
            "false_done_share": round(false / done, 4) if done else None,
            "turns": sum(unit["turns"] for unit in units),
            "input_tokens": _sum([unit["input_tokens"] for unit in units]),
            "output_tokens": _sum([unit["output_tokens"] for unit in units]),
            "minutes": round(sum(unit["seconds"] for unit in units) / 60, 1),
        }
    return result


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def targets(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Each target with its figures: `met` True or False, None where an arm it needs is not there or claimed nothing."""
    arms = totals(document)
    found = []

    def judge(what: str, first: float | None, second: float | None, met: bool, shown: str) -> None:
        found.append({"target": what, "met": met if first is not None and second is not None else None, "figures": shown})

    pipeline, ablation = arms.get("pipeline", {}), arms.get("ablation", {})
    share, other = pipeline.get("false_done_share"), ablation.get("false_done_share")
    judge(
        'false "done" of the pipeline below that of the ablation',
        share, other, (share or 0) < (other or 0), f"{_claims(pipeline)} against {_claims(ablation)}",
    )  # fmt: skip
    judge(f'false "done" of the pipeline under {FALSE_DONE:.0%}', share, 0.0, (share or 0) < FALSE_DONE, _claims(pipeline))
    solved = pipeline.get("solved") if pipeline.get("pairs") else None
    for arm in ("one-shot", "plain-retry"):
        less = arms[arm]["solved"] if arm in arms and arms[arm]["pairs"] else None
        figures = f"{solved} against {less} of {pipeline.get('pairs')}"
        judge(f"the pipeline solves more than {LABELS[arm]}", solved, less, (solved or 0) > (less or 0), figures)
    return found


def _claims(arm: dict[str, Any]) -> str:
    if not arm.get("done"):
        return "nothing claimed"
    return f"{arm['false_done']} of {arm['done']} claims ({100 * arm['false_done_share']:.0f} %)"


def refused(document: dict[str, Any]) -> str:
    """What the gates cost: answers that were right and were refused all the same."""
    arms = [(LABELS[arm], sums["right_refused"]) for arm, sums in totals(document).items() if arm in ("pipeline", "ablation")]
    return "right answers that were refused: " + (", ".join(f"{count} by the {label}" for label, count in arms) or "no arm refuses any")


def markdown(document: dict[str, Any]) -> str:
    """The whole report of a document."""
    pairs = compared(document)
    model = document["agent"].get("model") or document["agent"]["type"]
    seeds = ", ".join(map(str, document["seeds"]))
    lines = [
        f"`{document['folder']}`, {model}, product {document['versions']['product'] or document['versions']['orchestrator']}: "
        f"{len(pairs)} of {len(document['prds']) * len(document['seeds'])} pairs of PRD and seed ({seeds}) are finished in every arm and compared."
        + (f" Up to {document['jobs']} answers at once: each takes longer than alone." if document.get("jobs", 1) > 1 else ""),
        "",
        "| arm | solved | done | false done | turns | tokens in | tokens out | agent, minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for arm, sums in totals(document).items():
        false = f"{sums['false_done']} ({100 * sums['false_done_share']:.0f} %)" if sums["done"] else "–"
        tokens = " | ".join("unknown" if value is None else f"{value:,}" for value in (sums["input_tokens"], sums["output_tokens"]))
        lines.append(
            f"| {LABELS[arm]} | {sums['solved']} of {sums['pairs']} | {sums['done']} | {false} | {sums['turns']} | {tokens} | {sums['minutes']} |"
        )
    words = {True: "met", False: "MISSED", None: "cannot be said"}
    lines += ["", *(f"- {words[each['met']]}: {each['target']}: {each['figures']}" for each in targets(document))]
    lines.append(f"- {refused(document)}")
    lines += ["", *_by_prd(document)]
    if gaps := missing(document):
        shown = "; ".join(gaps[:12]) + (f"; and {len(gaps) - 12} more" if len(gaps) > 12 else "")
        why = f" ({document['stopped']})" if document["stopped"] else ""
        lines += ["", f"Not measured{why}: {shown}."]
    return "\n".join(lines) + "\n"


MARKS = {(True, True): "solved", (True, False): "false done", (False, True): "right, not claimed", (False, False): "gave up"}
"""(done, solved) → a word."""


def _by_prd(document: dict[str, Any]) -> list[str]:
    """A row for each PRD: what became of it in each arm, over the seeds that are there."""
    rows = [f"| PRD | {' | '.join(LABELS[arm] for arm in document['arms'])} |", f"|---|{'---|' * len(document['arms'])}"]
    for prd in document["prds"]:
        cells = []
        for arm in document["arms"]:
            units = [unit for seed in document["seeds"] if (unit := found(document, prd, arm, seed))]
            same = len(units) == len(document["seeds"]) and all(not unit["sampled"] for unit in units)
            words = [MARKS[unit["done"], unit["solved"]] for unit in (units[:1] if same else units)]
            counts = {word: words.count(word) for word in dict.fromkeys(words)}
            cells.append(", ".join(word if count == len(words) == 1 else f"{count} {word}" for word, count in counts.items()) or "–")
        rows.append(f"| {prd} | {' | '.join(cells)} |")
    return rows
