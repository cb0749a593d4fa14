"""Files of other tools, key by key, in the words of structured.py. Pure.

Task Master `tasks.json`     {"tasks": […]} or {"<tag>": {"tasks": […]}}: a task is a requirement, a subtask and the test strategy are criteria
ralph `prd.json`             {"userStories": […]}: a story is a requirement with its acceptance criteria
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.inbox.structured import Item


def translated(item: Item) -> Item:
    """The same PRD with the keys that structured.py knows; a file of no other tool comes back as it is."""
    if not isinstance(item.value, dict) or "requirements" in item.value:
        return item
    top: Mapping[str, Item] = item.value
    if _is_list(top.get("userStories")):
        return _ralph(top, item.line)
    for tag, value in top.items():
        inner = value.value if isinstance(value.value, dict) else {}
        if _is_list(inner.get("tasks")):
            return _task_master(inner, item.line, tag)
    return _task_master(top, item.line, "") if _is_list(top.get("tasks")) else item


def _is_list(item: Item | None) -> bool:
    return item is not None and isinstance(item.value, list)


def _ralph(top: Mapping[str, Item], line: int) -> Item:
    stories = []
    for number, story in enumerate(top["userStories"].value, 1):
        given = story.value if isinstance(story.value, dict) else {"title": story}
        made = {"id": _identifier("US", given.get("id"), number, story.line), "title": given.get("title", Item("", story.line))}
        for name, own in (("text", "description"), ("criteria", "acceptanceCriteria"), ("priority", "priority")):
            if own in given:
                made[name] = given[own]
        stories.append(Item(made, story.line))
    found = {"requirements": Item(stories, top["userStories"].line)}
    found |= {name: top[own] for name, own in (("title", "project"), ("context", "description")) if own in top}
    return Item(found, line)


def _task_master(top: Mapping[str, Item], line: int, tag: str) -> Item:
    tasks = []
    for number, task in enumerate(top["tasks"].value, 1):
        given = task.value if isinstance(task.value, dict) else {"title": task}
        made = {"id": _identifier("TM", given.get("id"), number, task.line), "title": given.get("title", Item("", task.line))}
        text = [given[name] for name in ("description", "details") if name in given and given[name].value]
        if text:
            made["text"] = Item("\n\n".join(str(each.value) for each in text), text[0].line)
        if "priority" in given:
            made["priority"] = given["priority"]
        if _is_list(given.get("dependencies")) and given["dependencies"].value:
            made["depends_on"] = Item([_named("TM", each) for each in given["dependencies"].value], given["dependencies"].line)
        criteria = [_subtask(each) for each in (given["subtasks"].value if _is_list(given.get("subtasks")) else ())]
        if (strategy := given.get("testStrategy")) is not None and strategy.value:
            criteria.append(Item(_one_line(strategy), strategy.line))
        made["criteria"] = Item(criteria, task.line)
        tasks.append(Item(made, task.line))
    found = {"requirements": Item(tasks, top["tasks"].line)}
    about = top["metadata"].value if "metadata" in top and isinstance(top["metadata"].value, dict) else {}
    title = about.get("projectName") or (Item(tag, line) if tag else None)
    if title is not None:
        found["title"] = title
    if "description" in about:
        found["context"] = about["description"]
    return Item(found, line)


def _subtask(item: Item) -> Item:
    if not isinstance(item.value, dict):
        return item
    said = [_one_line(item.value[name]) for name in ("title", "description") if name in item.value and item.value[name].value]
    return Item(": ".join(said), item.value.get("title", item).line)


def _one_line(item: Item) -> str:
    return " ".join(str(item.value).split())


def _identifier(word: str, item: Item | None, number: int, line: int) -> Item:
    return _named(word, item) if item is not None and item.value not in (None, "") else Item(f"{word}-{number}", line)


def _named(word: str, item: Item) -> Item:
    """`3` → `TM-3`, `1.2` → `TM-1.2`; a name that begins with letters stays."""
    own = str(item.value).strip()
    return Item(own if own[:1].isalpha() else f"{word}-{own}", item.line)
