"""What of a project travels on the state branch: its reports with the record, evidence, plan files, journals and texts. Never SQLite, never a lock.

state.json                       version of all that
inbox.json                       the receipts
claims/<project>.json            who works on it (claims.py)
projects/<project>/…             the files, under the paths they have in runs/<project>/
projects/<project>/ledger.jsonl  its turns (ledger_lines.py)
projects/<project>/refs.json     branches of its repository → commits; they travel as refs beside the state branch
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from orchestrator.errors import StoreError
from orchestrator.inbox import names
from orchestrator.run.git import Repository
from orchestrator.save import chain

VERSION = 1
STATE = "state.json"
README = "README.md"
LEDGER = "ledger.jsonl"
REFS = "refs.json"
FOLDERS = {"reports": (".json", ".xml"), "evidence": (".json",), "plans": (".yaml",), "journal": (".jsonl",), "artifacts": (".json", ".txt")}
"""Folders of a project that travel, and the ends of the names of the files in them."""
CODE = {"refs/heads/main": "main", "refs/heads/prd/": "prd/", chain.REF: "evidence"}
"""Refs of a project's repository → what they are called behind the project's name."""
ABOUT = """\
# What the orchestrator's runs have done

Runs with `state: branch` write this branch: reports, evidence, plans, journals of agents' turns and claims, as JSON. They pull it when they begin and
push it while they work. Nothing here is to be edited or merged. The code they made is on the branches `{code}/<project>/prd/<prd>`.

`orchestrator state` says what is here; `orchestrator state pull` brings it into a working folder.
"""


def files(folder: Path, largest: int) -> Iterator[tuple[str, Path]]:
    """(path within the project, file) of everything that travels. `largest`: bytes of a text in artifacts/."""
    for top, ends in FOLDERS.items():
        for path in sorted((folder / top).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.name.startswith(".") or not path.name.endswith(ends) or not path.is_file():
                continue
            if top != "artifacts" or path.stat().st_size <= largest:
                yield name, path


def refs(repository: Path) -> dict[str, str]:
    """Ref → commit of what travels of a project's repository."""
    if not (repository / "HEAD").exists():
        return {}
    found = Repository(repository).refs("refs/heads/prd", "refs/heads/main", chain.REF)
    return {name: commit for name, commit in found.items() if called(name)}


def called(ref: str) -> str:
    """What a ref of a project's repository is called beside the state branch, '' when it does not travel."""
    for known, name in CODE.items():
        if ref == known and not known.endswith("/"):
            return name
        if known.endswith("/") and ref.startswith(known) and not names.unsafe(ref.removeprefix(known)):
            return name + ref.removeprefix(known)
    return ""


def refs_text(found: dict[str, str]) -> str:
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def read_refs(text: str, project: str) -> dict[str, str]:
    """Raises StoreError for what no run has written."""
    try:
        found = json.loads(text)
        if not all(called(ref) and re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", commit) for ref, commit in found.items()):
            raise ValueError
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise StoreError(f"projects/{project}/{REFS} is not what a run has written") from None
    return dict(found)


def version(text: str | None) -> str:
    """What is wrong with `state.json`, '' when nothing is."""
    try:
        number = json.loads(text or "")["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"its {STATE} {'is gone' if text is None else 'cannot be read'}"
    if not isinstance(number, int):
        return f"its {STATE} cannot be read"
    return f"it was written by a newer version ({number})" if number > VERSION else ""
