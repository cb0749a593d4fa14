"""What depends on what in a plan: tasks on tasks, and on the beginning of their phase. Pure."""

from __future__ import annotations

from orchestrator.model import Plan
from orchestrator.plan import graph, phases


class Order:
    """What depends on what in a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tasks = {task.id: task for task in plan.tasks}
        self.asked = frozenset(task.id for task in plan.tasks if task.question)
        waits = phases.waits(plan.prd, plan.tasks)
        self.depends_on = {task.id: (*task.depends_on, *waits.get(task.id, ())) for task in plan.tasks}
        self.dependants: dict[str, list[str]] = {}
        for task, names in self.depends_on.items():
            for name in names:
                self.dependants.setdefault(name, []).append(task)
        self.position = {name: position for position, name in enumerate(self.tasks)}
        self.chains: dict[str, int] = {}
        """Task → how many tasks the longest chain has that begins with it: those with the longest hold everything up."""
        for name in reversed(graph.ordered({task.id: task.depends_on for task in plan.tasks})):
            self.chains[name] = 1 + max((self.chains.get(other, 0) for other in self.dependants.get(name, ())), default=0)
