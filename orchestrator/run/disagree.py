"""A person's test and the PRD that do not agree: the test needs the old answer, an example of the same criterion a new one, and no code has both.

What tells it: every example of the criterion holds for a candidate, and nothing refuses that candidate but people's tests of criteria with examples.
One such candidate may be wrong elsewhere; so a person is asked when no attempt is left, and as soon as two different ones where the test held before
any code was changed while an example of its criterion did not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.model import Finding, PersonsTest, Question
from orchestrator.run import evidence, people
from orchestrator.run.bench import Bench, End
from orchestrator.run.gates import red


@dataclass
class Against:
    """Candidates of a cycle that only people's tests refused."""

    bench: Bench
    marks: set[str] = field(default_factory=set)
    """Hashes of the answers."""
    findings: tuple[Finding, ...] = ()
    """About the last of them."""

    def note(self, mark: str, found: tuple[Finding, ...]) -> End | None:
        """After a refused candidate: how the cycle ends, where that is clear by now."""
        errors = tuple(finding for finding in found if finding.severity == "error")
        proved = {criterion.id for criterion in self.bench.work.task.criteria if criterion.examples}
        if not errors or any(finding.gate != "human test" or finding.criterion not in proved for finding in errors):
            return None
        self.marks.add(mark)
        self.findings = errors
        held = any(self._held_before(test) for test in self._tests())
        return self.end() if held and len(self.marks) > 1 else None

    def end(self) -> End | None:
        """When no attempt is left: a person is asked, where a candidate satisfied every example and not the tests."""
        if not self.marks:
            return None
        return End("needs a person", "a test of a person and the PRD do not agree", question=self._question())

    def _tests(self) -> tuple[PersonsTest, ...]:
        named = {finding.message.partition(": ")[0] for finding in self.findings}
        return tuple(test for test in self.bench.people if test.test in named)

    def _held_before(self, test: PersonsTest) -> bool:
        """At the base the test held, and an example of its criterion did not."""
        base = {outcome.id: outcome for seen in self.bench.red if seen.what in (red.BASE, red.BASE + red.PEOPLE) for outcome in seen.outcomes}
        failed = {self.bench.criteria.get(name) for name, outcome in base.items() if evidence.is_red(outcome) and name != test.test}
        return test.test in base and evidence.holds(base[test.test]) and test.criterion in failed

    def _question(self) -> Question:
        path, parts, lines = self.bench.work.prd.path, [], []
        for test in self._tests():
            criterion = next(item for item in self.bench.work.task.criteria if item.id == test.criterion)
            lines.append(criterion.line)
            parts.append(f"`{test.where}` ({people.label(test)}) and `{path}:{criterion.line}` do not agree about {criterion.key}")
        said = next((finding.message for finding in self.findings), "")
        text = (
            f"{'; '.join(dict.fromkeys(parts))}: code that satisfies every example of the PRD does not pass the test ({said[:300]}). Which one holds?"
        )
        text += f" Change the PRD, or the test and then run `orchestrator retry {self.bench.work.task.id}`."
        return Question(text, tuple(dict.fromkeys(lines)))
