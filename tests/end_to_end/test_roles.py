"""Roles and ladders: who writes what, who begins, and who follows whom."""

from __future__ import annotations

from tests.conftest import Workplace
from tests.end_to_end.test_tests_agent import CODE, GOOD, PRD, TAUTOLOGY

STUPID = "def strokes(minutes):\n    return 0\n"


def writing(place: Workplace, **texts: str) -> dict[str, dict[str, str]]:
    """A scripted agent for each name, that writes one text whatever it is asked."""
    for name, text in texts.items():
        (place.root / f"{name}.py").write_text(f"def turn(brief, folder):\n    (folder / brief.writable[0]).write_text({text!r})\n", encoding="utf-8")
    return {name: {"type": "scripted", "script": f"{name}.py"} for name in texts}


def agents_of(attempts: list[dict[str, object]]) -> list[str]:
    return [turn["agent"] for attempt in attempts for turn in attempt["turns"]]  # type: ignore[attr-defined]


def test_refused_tests_climb_their_ladder_and_code_is_another_agents(place: Workplace) -> None:
    place.prd("bell", PRD)
    agents = writing(place, weak=TAUTOLOGY, strong=GOOD, coder=CODE)
    place.configure(agents=agents, roles={"tests": ["weak", "strong"], "code": "coder"}, gates={"mutants": 0})
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    task = place.task("bell", "bell#R1")
    assert agents_of(task["written"]) == ["weak", "strong"]
    assert agents_of(task["attempts"]) == ["coder"]


def test_a_complex_requirement_begins_with_the_last_rung_and_a_simple_one_with_the_first(place: Workplace) -> None:
    simple = PRD[: PRD.index("- AC2")]
    place.prd("bell", simple)
    place.prd("gong", simple.replace("# Bell", "# Gong").replace("Module: bell.py", "Module: bell.py\nComplexity: high"))
    agents = writing(place, weak=STUPID, strong=CODE)
    place.configure(agents=agents, roles={"code": ["weak", "strong"]}, limits={"signatures": 1, "repeats": 5}, gates={"mutants": 0})
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert agents_of(place.task("bell", "bell#R1")["attempts"]) == ["weak", "strong"]
    assert agents_of(place.task("gong", "gong#R1")["attempts"]) == ["strong"]


def test_a_ladder_in_a_prd_is_taken_and_not_called_unhonoured(place: Workplace) -> None:
    place.prd("bell", "---\nagents: {code: [coder, other]}\n---\n" + PRD[: PRD.index("- AC2")])
    place.configure(agents=writing(place, other=STUPID, coder=CODE), gates={"mutants": 0})
    assert "not-honoured" not in place.command("check").stdout
    assert place.run().returncode == 0
    assert agents_of(place.task("bell", "bell#R1")["attempts"]) == ["coder"]
