"""README.md and docs/ say what the program does: every command, exit code and key, and links that lead somewhere."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from pydantic import BaseModel

from orchestrator import cli
from orchestrator.config import AgentConfig, Config, load
from orchestrator.errors import Exit
from orchestrator.show.manual import reference
from tests.conftest import REPOSITORY, clean_environment

PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")])
FOR_USERS = "\n".join(page.read_text("utf-8") for page in PAGES if page.name not in ("design.md", "decisions.md"))
"""What somebody reads to use the program; the design is for those who change it."""
ATTRIBUTES = {"from": "from_"}
"""Keys that are words of Python, and how they are read there."""
CONFIGURATION = REPOSITORY / "docs" / "configuration.md"


# --- configuration -------------------------------------------------------------------------------------------------------


def rows() -> list[tuple[str, str, str]]:
    """(key, default, variable) of every row of docs/configuration.md."""
    return re.findall(r"^\| `([^`]+)` \| [^|]* \| ([^|]*) \| `([^`]+)` \|", CONFIGURATION.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", reference.pages(cli._parser()))
def test_a_page_that_is_generated_is_what_the_code_says(name: str) -> None:
    assert (REPOSITORY / "docs" / name).read_text("utf-8") == reference.pages(cli._parser())[name], "`make docs` writes it"


def test_the_reference_command_writes_the_pages(tmp_path: Path) -> None:
    (tmp_path / "docs" / "guide").mkdir(parents=True)
    argv = [sys.executable, "-m", "orchestrator.show.manual.reference", str(tmp_path / "docs")]
    subprocess.run(argv, check=True, env=clean_environment())
    written = {path.relative_to(tmp_path / "docs").as_posix(): path.read_text("utf-8") for path in (tmp_path / "docs").rglob("*.md")}
    assert written == reference.pages(cli._parser())


def keys(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        options = (field.annotation, *getattr(field.annotation, "__args__", ()))
        section = next((each for each in options if isinstance(each, type) and issubclass(each, BaseModel)), None)
        if section:
            yield from keys(section, f"{before}{field.alias or name}.")
        elif name != "agents":
            yield before + (field.alias or name)


def test_every_key_is_on_the_configuration_page() -> None:
    agents = {f"agents.<name>.{key}" for kind in AgentConfig.__origin__.__args__ for key in keys(kind)}  # type: ignore[attr-defined]
    assert {key for key, _, _ in rows()} == {*keys(Config), *agents}


def test_every_key_is_explained() -> None:
    assert [key.path for part in reference.parts() for key in part.keys if not key.text] == []


@pytest.mark.parametrize(("key", "default", "variable"), [row for row in rows() if row[1] not in ("", "required") and "<name>" not in row[0]])
def test_every_default_and_variable_of_the_configuration_page_is_true(tmp_path: Path, key: str, default: str, variable: str) -> None:
    environ = {variable: default.strip("`")}
    config = load(tmp_path, environ)
    value: object = config
    for name in key.split("."):
        value = getattr(value, ATTRIBUTES.get(name, name))
    unset: object = load(tmp_path, {name: text for name, text in environ.items() if name != variable})
    for name in key.split("."):
        unset = getattr(unset, ATTRIBUTES.get(name, name))
    assert value == unset


def test_the_example_of_the_configuration_page_is_valid(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", CONFIGURATION.read_text("utf-8"), re.DOTALL)
    assert example
    (tmp_path / "orchestrator.yaml").write_text(example[1])
    config = load(tmp_path, {})
    assert config.agent in config.agents
    assert config.schedule


# --- commands ------------------------------------------------------------------------------------------------------------


def commands(parser: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    """`check`, `plan`, `site build`, …"""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield before.strip()
    for action in inner:
        for name, command in action.choices.items():
            yield from commands(command, f"{before} {name}")


@pytest.mark.parametrize("command", list(commands(cli._parser())))
def test_every_command_is_documented(command: str) -> None:
    assert re.search(rf"\borchestrator {command}\b|`{command}\b", FOR_USERS), f"`orchestrator {command}` stands neither in README.md nor in docs/"


def code(text: str) -> Iterator[str]:
    """Every line of a fence, and every code span."""
    for block in MarkdownIt().parse(text):
        if block.type == "fence":
            yield from block.content.splitlines()
        yield from (token.content for token in block.children or () if token.type == "code_inline")


def test_every_documented_command_exists() -> None:
    known = {part for command in commands(cli._parser()) for part in (command, command.split()[0])}
    named = {match[1] for line in code(FOR_USERS) if (match := re.match(r"(?:\$ )?orchestrator ((?:site )?[a-z]+)", line.strip()))}
    assert len(named) > 3
    assert named - known == set()


WORDS = {
    Exit.DONE: "done",
    Exit.TASK_FAILED: "failed",
    Exit.USAGE: "usage",
    Exit.NEEDS_PERSON: "person",
    Exit.SET_ASIDE: "set aside",
    Exit.PARKED: "parked",
    Exit.LOCKED: "locked",
    Exit.INTERNAL: "error of ours|internal",
}


@pytest.mark.parametrize("code", Exit, ids=lambda code: code.name)
def test_every_exit_code_is_documented(code: Exit) -> None:
    line = rf"(?im)(?<![\w.]){int(code)}[`*]*\s*[|:=–-]?\s[^|\n,;]*\b({WORDS[code]})\b"
    assert re.search(line, FOR_USERS), f"exit code {int(code)} ({code.__doc__ or WORDS[code]}) stands neither in README.md nor in docs/"
    assert re.search(line, cli.EXIT_CODES)


# --- links ---------------------------------------------------------------------------------------------------------------


def links(page: Path) -> Iterator[str]:
    """Targets of links and images, not those inside code."""
    for block in MarkdownIt().parse(page.read_text("utf-8")):
        for token in block.children or ():
            if target := token.attrGet("href") or token.attrGet("src"):
                yield str(target)


def anchors(page: Path) -> set[str]:
    """The names that GitHub and MkDocs give to headings."""
    tokens = MarkdownIt().parse(page.read_text("utf-8"))
    titles = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_relative_link_leads_to_a_file_and_heading(page: Path) -> None:
    broken = []
    for target in links(page):
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if not path.exists() or not path.is_relative_to(REPOSITORY) or (parts.fragment and parts.fragment not in anchors(path)):
            broken.append(target)
    assert broken == []
