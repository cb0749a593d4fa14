"""Plan files: what a planning agent or a person added to a PRD. `runs/<project>/plans/<prd>.yaml`, which people may read, edit and keep.

`orchestrator plan --edit` checks an edited one before it counts. One that cannot be read stops its PRD, and nothing else.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from orchestrator.errors import PlanError
from orchestrator.model import Prd
from orchestrator.plan import outline, saved
from orchestrator.plan.saved import PlanFile
from orchestrator.save.files import write_atomically

FOLDER = "plans"
HEAD = """\
# What was added to {path}: by an agent, or by a person. Edit it with `orchestrator plan --edit {prd}`, or forget it with `--clear {prd}`.
# Each entry belongs to a requirement as it is worded (`fingerprint`). What the PRD says itself is changed in the PRD.
"""


def place(runs: Path, prd: Prd) -> Path:
    return runs / prd.project / FOLDER / f"{prd.id}.yaml"


def load(runs: Path, prd: Prd) -> PlanFile:
    """The plan file of a PRD, an empty one where there is none. Raises PlanError."""
    path = place(runs, prd)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return PlanFile(prd=prd.id)
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{path}: cannot be read: {error}", hint=f"mend it, or `orchestrator plan --clear {prd.id}`") from None
    return parse(text, str(path), prd)


def parse(text: str, path: str, prd: Prd) -> PlanFile:
    """Raises PlanError that names file, line or key, and value."""
    hint = f"mend it, or `orchestrator plan --clear {prd.id}` forgets it"
    try:
        values = yaml.load(text, Loader=_Loader)
        found = PlanFile.model_validate(values)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else path
        raise PlanError(f"{where}: not valid YAML: {getattr(error, 'problem', None) or error}", hint=hint) from None
    except ValidationError as error:
        told = [
            f"`{'.'.join(map(str, each['loc'])) or 'file'}` is {str(each['input'])[:80]!r}: {each['msg'].lower()}" for each in error.errors()[:10]
        ]
        raise PlanError(f"{path}: " + "; ".join(told), hint=hint) from None
    if found.prd != prd.id:
        raise PlanError(f"{path}: it is the plan of `{found.prd}`, not of `{prd.id}`", hint=hint)
    return found


def wrong(prd: Prd, file: PlanFile) -> tuple[str, ...]:
    """Why its additions may not be made; those for another wording of a requirement are not looked at."""
    by_key = {requirement.key: requirement for requirement in prd.requirements}
    current = {key: each for key, each in file.requirements.items() if key in by_key and each.fingerprint == outline.fingerprint([by_key[key]])}
    found = [text for key, entry in current.items() for text in saved.problems(prd, by_key[key], entry)]
    if not found and (walk := saved.circle(prd, current)):
        found.append(f"the requirements would depend on each other in a circle: {' → '.join(walk)}")
    return tuple(found)


def keep(runs: Path, prd: Prd, file: PlanFile) -> Path:
    """Write it; entries of requirements that are gone are left out."""
    keys = {requirement.key for requirement in prd.requirements}
    kept = file.model_copy(update={"requirements": {key: each for key, each in file.requirements.items() if key in keys}})
    path = place(runs, prd)
    write_atomically(path, written(kept, prd))
    return path


def written(file: PlanFile, prd: Prd) -> str:
    return HEAD.format(path=prd.path, prd=prd.id) + body(file)


def body(file: PlanFile) -> str:
    return yaml.safe_dump(file.model_dump(mode="json", exclude_defaults=True), sort_keys=False, allow_unicode=True, width=120)


def mark(runs: Path, prd: Prd) -> str:
    """A hash of the plan file; '' where there is none."""
    try:
        return hashlib.sha256(place(runs, prd).read_bytes()).hexdigest()
    except OSError:
        return ""


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", key_node.start_mark)
            keys.add(key)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found
