"""runs/limits.json: what stands against each budget, and how the breakers stand, as the ledger has it."""

from __future__ import annotations

from pathlib import Path

from orchestrator.config import Budgets, Ceiling
from orchestrator.model import AgentTurn, Budget, Prd, Usage
from orchestrator.run.agents import NotReachable
from orchestrator.save import limits
from orchestrator.save.ledger import Asked, Ledger
from orchestrator.save.limits_report import AccountReport, LimitsReport

BUDGETS = Budgets(task=Ceiling(turns=4), prd=Ceiling(usd=10.0), day=Ceiling(usd=2.0), attempt=Ceiling(minutes=5.0), timezone="Europe/Berlin")


def asked(number: int, task: str = "till#R1", kind: str = "chat") -> Asked:
    return Asked(
        f"till/{task}/{number}", "till", "till", task, "f" * 64, f"code {number}", "write_code", "run-1", "coder", kind, Usage(1000, 500, 0.25)
    )


def turn(usage: Usage, kind: str = "chat") -> AgentTurn:
    return AgentTurn(text="", usage=usage, stop="stop", transcript="", agent="coder", model="m", kind=kind, seconds=30.0)


def take(ledger: Ledger, one: Asked, usage: Usage, kind: str = "chat") -> None:
    ceilings = {"attempt": Ceiling(), "task": Ceiling(), "prd": Ceiling(), "run": Ceiling(), "day": Ceiling()}
    ledger.reserve(one, ceilings, 60.0, sent=False)
    ledger.settle(one.key, turn(usage, kind))


def book(ledger: Ledger, one: Asked) -> None:
    ledger.reserve(one, {"attempt": Ceiling(), "task": Ceiling(), "prd": Ceiling(), "run": Ceiling(), "day": Ceiling()}, 60.0, sent=False)


def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path, BUDGETS, "run-1", agents=("coder",))


def account(report: LimitsReport, scope: str, name: str = "") -> AccountReport:
    return next(item for item in report.accounts if item.scope == scope and name in ("", item.name))


def measure(found: AccountReport, of: str) -> tuple[float | None, float, float]:
    (item,) = [item for item in found.measures if item.of == of]
    return item.limit, item.spent, item.booked


def test_what_is_known_is_spent_and_what_is_not_stays_booked(tmp_path: Path) -> None:
    book_ = ledger(tmp_path)
    take(book_, asked(1), Usage(900, 100, 0.1))
    take(book_, asked(2), Usage(None, None, None))
    book(book_, asked(3))
    book_.lose(asked(3).key)
    take(book_, asked(4, "till#R2", "recorded"), Usage(5000, 5000, 3.0), "recorded")
    report = limits.report(book_, ())
    day = account(report, "day")
    assert measure(day, "turns") == (None, 3.0, 1.0)
    assert measure(day, "tokens") == (None, 1000.0, 3000.0)
    assert measure(day, "usd") == (2.0, 0.1, 0.5)
    assert day.until.endswith(":00.000Z")
    assert measure(account(report, "prd"), "usd") == (10.0, 0.1, 0.5)
    assert [(item.name, measure(item, "turns")) for item in report.accounts if item.scope == "task"] == [
        ("till#R1", (4.0, 2.0, 1.0)),
        ("till#R2", (4.0, 1.0, 0.0)),
    ]
    assert (report.unknown_tokens, report.unknown_usd, report.lost) == (1, 1, 1)
    assert [(item.of, item.limit) for item in report.attempt] == [("minutes", 5.0)]


def test_the_own_budget_of_a_prd_that_was_never_worked_on_is_told_too(tmp_path: Path) -> None:
    prd = Prd("clock", "A clock", "clock", "prds/clock.md", "f" * 64, (), budget=Budget(tokens=500))
    found = account(limits.report(ledger(tmp_path), (prd,)), "prd", "clock")
    assert (found.project, measure(found, "tokens"), measure(found, "usd")) == ("clock", (500.0, 0.0, 0.0), (10.0, 0.0, 0.0))


def test_it_is_written_when_it_says_something_new_and_not_where_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert not limits.write(Ledger(tmp_path, Budgets()), ())
    assert not (tmp_path / limits.FILE).exists()
    book_ = ledger(tmp_path)
    assert limits.write(book_, ())
    first = (tmp_path / limits.FILE).read_bytes()
    assert not limits.write(book_, ())
    assert (tmp_path / limits.FILE).read_bytes() == first
    take(book_, asked(1), Usage(900, 100, 0.1))
    assert limits.write(book_, ())
    (tmp_path / limits.FILE).write_text("{torn")
    assert limits.write(book_, ())
    assert limits.read(tmp_path) is not None


def test_a_breaker_that_opened_says_since_when_until_when_and_why(tmp_path: Path) -> None:
    book_ = ledger(tmp_path)
    for number in range(3):
        book(book_, asked(number))
        book_.fail(asked(number), NotReachable("the endpoint refuses connections"), 0.1)
    report = limits.report(book_, ())
    agent = next(item for item in report.breakers if item.scope == "agent")
    assert (agent.name, agent.state, agent.failures) == ("coder", "open", 3)
    assert agent.opened_at < agent.until
    assert "the endpoint refuses connections" in agent.reason
    assert report.health == "unhealthy"
    trip = next(item for item in report.trips if item.scope == "agent")
    assert [(item.what, item.count) for item in trip.agents] == [("coder", 3)]
    book_.reset(book_.standing())
    assert {item.state for item in limits.report(book_, ()).breakers} == {"closed"}
