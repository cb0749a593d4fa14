"""Pages of the documentation that the code writes: `python -m orchestrator.show.manual.reference docs`.

docs/configuration.md is made from the docstrings of Config's own fields, docs/guide/gates.md from the tables of gates, detectors and incidents,
docs/guide/states.md from the moves of a task, docs/guide/commands.md from the parser of the commands,
the tables of docs/api.md from the models of the site's data.
"""

from __future__ import annotations

import argparse
import json
import sys
import types
import typing
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import SecretStr

from orchestrator.save.files import write_atomically
from orchestrator.show.data_api.described import described, models_of

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

INTRODUCTION = """\
# Configuration

<!-- Generated from orchestrator/config.py by `make docs`; change the docstrings there. -->

`orchestrator.yaml` in the working folder, where every key may be left out:

```yaml
agent: local
agents:
  local: {type: chat, url: http://127.0.0.1:8080/v1}
limits:
  attempts: 3
schedule: {timezone: Europe/Berlin, run: "0 2 * * *", verify: "0 4 * * 0"}
```

An environment variable overrides the file: `ORCHESTRATOR_` and the path of the key in capitals, joined by two underscores. Its value is read as
YAML, so lists and numbers work: `ORCHESTRATOR_LIMITS__ATTEMPTS=2`, `ORCHESTRATOR_TARGETS='["."]'`. An unknown key, in the file or in the
environment, is refused with a suggestion and exit code 2; so is a value of the wrong kind. Relative paths start at the working folder.
"""

WORDS: dict[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    SecretStr: "text",
    Path: "path",
    Any: "anything",
}
BOUNDS = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}


class Key(NamedTuple):
    """One key of the configuration, in words."""

    path: str
    """For example `limits.attempts`, or `agents.<name>.url`."""
    type: str
    default: str
    """As it would stand in YAML; '' when the key must be given."""
    variable: str
    text: str


class Part(NamedTuple):
    """A table of the page: the top level, a section, or one kind of agent."""

    title: str
    text: str
    keys: tuple[Key, ...]


def configuration() -> str:
    """The page, Markdown."""
    return "\n".join([INTRODUCTION, *map(_table, parts())])


GATES_INTRODUCTION = """\
# Gates

<!-- Generated from orchestrator/run by `make docs`; change the tables there. -->

A gate looks at what was run and says what it found. An **error** refuses the candidate; a **notice** is shown and recorded, and may lower the
[proof level](proof.md). They are asked in this order; the first that refuses ends the attempt, and its findings go back to the agent.
"""


def gates() -> str:
    """The page about gates, Markdown."""
    from orchestrator.run.evidence import INCIDENTS
    from orchestrator.run.gates import GATES, scan

    def table(head: str, rows: Iterator[str]) -> str:
        return "\n".join([head, "|---" * head.count(" |") + "|", *rows, ""])

    def detectors(found: dict[str, tuple[Any, str]]) -> Iterator[str]:
        return (f"| {name} | {severity} | {_cell(sentence)} |" for name, (severity, sentence) in found.items())

    return "\n".join(
        [
            GATES_INTRODUCTION,
            table("| Gate | What must hold |", (f"| {name} | {_cell(sentence)} |" for name, sentence in GATES.items())),
            "## What the sandbox tells (gate `sandbox`)\n",
            table("| Incident | |", (f"| {name} | {_cell(sentence)} |" for name, sentence in INCIDENTS.items())),
            "## What the scan looks for in code (gate `scan`)\n",
            table("| Detector | | It … |", detectors(scan.DETECTORS)),
            "## What the scan looks for in tests that an agent wrote (gate `scan`)\n",
            table("| Detector | | |", detectors(scan.TEST_DETECTORS)),
        ]
    )


API_INTRODUCTION = """\
# The data of a site

<!-- Generated from orchestrator/show by `make docs`; change the docstrings of api_models.py, or the words in reference.py. -->

Every site has its data beside its pages, as JSON files: what a server's API would answer, without a server. It begins at `api/v1/index.json`; the
page
**Data** of a site links it all, with a script to start from.

```console
$ curl -s https://your-site.example/api/v1/projects.json | jq -r '.projects[] | select(.totals.proved < .totals.criteria) | .name'
```

| File | Holds |
|---|---|
| `api/v1/index.json` | totals, the last run, links to the rest |
| `api/v1/projects.json` | the projects, where each stands |
| `api/v1/projects/<project>.json` | a project with its PRDs |
| `api/v1/projects/<project>/runs.json` | its runs, the newest first |
| `api/v1/projects/<project>/runs/<run>.json` | what one run did with each task |
| `api/v1/projects/<project>/tasks.json` | its tasks as they stand |
| `api/v1/projects/<project>/trace.json` | requirement → criterion → test → commit |
| `api/v1/schemas/<name>.json` | JSON Schema of each kind of file |
| `feed.xml`, `projects/<project>/feed.xml` | Atom: the latest 50 runs that ended |
| `badges/proved.svg`, `badges/last-run.svg`, `badges/<project>-proved.svg`, … | [badges](#badges), each with a `.json` for shields.io |

## What you can rely on

- `version` is 1, and so is the folder. Within a version fields may be added; none goes away, changes its kind or its meaning. **A reader ignores
  what it does not know.** Words such as
  states and outcomes are text: a later release may say new ones.
- A change that would break this gets a folder `api/v2/`, beside `api/v1/` for at least one release that says so in the changelog.
- `$schema` leads to the file's JSON Schema. Files and schemas are made from the same models, and the tests hold every file against its schema.
- Links are relative to the file that they stand in; `''` where there is nothing. They work on disk, under any path, and on a host.
- A list is cut into files of at most 200 rows; `next` leads on. `total` counts all rows.
- Moments are ISO 8601 in UTC. Unknown is `null` for numbers and `''` for text, never zero.
- The same reports give the same bytes: no moment of the build stands anywhere.
- Texts are what PRDs, agents and programs wrote. Escape them where you show them.

The reports themselves, with all evidence, are linked as `report`; they have [schemas and a version of their own](guide/data.md), and a site that is
built to be shown to others
may leave them out.

## Badges

Two pictures for each project and two for all of them: criteria proved of all, and what became of the last run. They are files of the site; nobody
else is asked.
The page of a project shows the Markdown to copy. With `site.url` set, it is ready to be pasted:

```yaml
site: {url: "https://team.example.org/proofs/"}
```

The same as JSON is for `https://img.shields.io/endpoint?url=<address of the .json file>`.

## Feed

An entry for each run that ended: outcome, how many tasks are done, failed or need a person, the first of them by name, and a link to the run's
page. Its moment is the
run's end. Ids are tag URIs of the host in `site.url`; without one, of a name that nobody owns, and they change when you set it. Links are whole
with `site.url`, and else relative (`xml:base`).

## Field by field
"""


def api() -> str:
    """The page about the data of a site, Markdown."""
    from orchestrator.show.data_api import fields

    return f"{API_INTRODUCTION}\n{fields.markdown()}"


def parts() -> Iterator[Part]:
    """Every key there is, the top level first, then the sections in the order of Config."""
    from orchestrator.config import Config

    yield from _parts("Top level", "", "", described(Config))


def _parts(title: str, text: str, path: str, section: type[BaseModel]) -> Iterator[Part]:
    """The keys of a section, then the sections below it. `path`: what stands before each key, with its dot."""
    scalars, below = [], []
    for attribute, field in section.model_fields.items():
        name = field.alias or attribute
        if models := models_of(field.annotation):
            below += [(f"{path}{name}", field, model) for model in models]
        else:
            scalars.append(_key(f"{path}{name}", field))
    yield Part(title, text, tuple(scalars))
    for place, field, model in below:
        said = (model.__doc__ or field.description or "").strip()
        if "type" in model.model_fields:
            kind = typing.get_args(model.model_fields["type"].annotation)[0]
            yield from _parts(f"`{place}.<name>` of type `{kind}`", said, f"{place}.<name>.", model)
        else:
            yield from _parts(f"`{place}`", said, f"{place}.", model)


def _table(part: Part) -> str:
    rows = [f"| `{key.path}` | {key.type} | {key.default} | `{key.variable}` | {key.text} |" for key in part.keys]
    head = ["| key | value | default | environment | |", "|---|---|---|---|---|"]
    return "\n".join([f"## {part.title}", "", *([part.text, ""] if part.text else []), *head, *rows, ""])


def _key(path: str, field: FieldInfo) -> Key:
    from orchestrator.config import PREFIX

    variable = PREFIX + path.upper().replace(".", "__")
    kind = ", ".join([_words(field.annotation), *_bounds(field)])
    return Key(path, kind, "required" if field.is_required() else _yaml(field.default), variable, _cell(field.description or ""))


def _words(annotation: Any) -> str:
    inner = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case typing.Literal:
            return " or ".join(f"`{value}`" for value in inner)
        case typing.Union | types.UnionType:
            return " or ".join("nothing" if each is type(None) else _words(each) for each in inner)
        case origin if origin in (list, tuple):
            return f"list of {_words(inner[0])}s"
        case origin if origin is dict:
            return "keys and values"
    return WORDS[annotation]


def _bounds(field: FieldInfo) -> Iterator[str]:
    for limit in field.metadata:
        yield from (text.format(f"{getattr(limit, name):g}") for name, text in BOUNDS.items() if hasattr(limit, name))


def _yaml(value: object) -> str:
    """A default as it would stand in the file; '' for nothing."""
    match value:
        case None:
            return ""
        case float():
            return f"`{value:g}`"
        case Path() | str() if str(value):
            return f"`{value}`"
    return f"`{json.dumps(value)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def pages(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Path below docs/ → Markdown, of every page that is written here. `parser`: of the commands, which stand above this folder."""
    from orchestrator.show.manual import commands
    from orchestrator.show.pictures import moves

    return {
        "configuration.md": configuration(),
        "api.md": api(),
        "guide/gates.md": gates(),
        "guide/states.md": moves.page(),
        "guide/commands.md": commands.page(parser),
    }


if __name__ == "__main__":
    for name, text in pages(import_module("orchestrator.cli")._parser()).items():
        write_atomically(Path(sys.argv[1]) / name, text)
