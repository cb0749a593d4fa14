"""docs/prd-format.md says what the parser does."""

import re
from pathlib import Path

import orchestrator.inbox
from orchestrator.inbox.frontmatter import KEYS
from orchestrator.inbox.markdown import parse

from .test_folder import BAD
from .test_markdown import ERRORS, NOTES

DOCS = Path(__file__).parents[2] / "docs" / "prd-format.md"


def test_the_example_of_the_documentation_is_read_whole_and_needs_no_mending() -> None:
    match = re.search(r"^````markdown\n(.*?)^````$", DOCS.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert match
    prd, problems = parse(match[1], "prds/library.md")
    assert prd, problems
    counts = {each.id: [len(one.examples) for one in each.criteria] for each in prd.requirements}
    assert counts == {"loans#R1": [1], "loans#R2": [1, 3, 2], "loans#N1": []}
    assert [each.code for each in problems] == ["non-functional-without-example"]


def test_every_code_is_documented_and_every_documented_code_exists() -> None:
    documented = re.findall(r"^\| `([a-z0-9-]+)` \| ", DOCS.read_text("utf-8").split("## What bad input gets")[1], re.MULTILINE)
    assert len(documented) == len(set(documented))
    reported = {code for _, _, code in (*ERRORS.values(), *NOTES.values(), *BAD.values())}
    assert reported - set(documented) == set()
    sources = "".join(path.read_text("utf-8") for path in Path(orchestrator.inbox.__file__).parent.glob("*.py"))
    written = set(re.findall(r"\"([a-z0-9]+(?:-[a-z0-9]+)*)(?:\"|: )", sources))
    assert set(documented) - written == set()


def test_every_key_of_the_front_matter_is_documented() -> None:
    keys = {f"{key}.{inner}" for key, value in KEYS.items() if isinstance(value, dict) for inner in value}
    keys |= {key for key, value in KEYS.items() if not isinstance(value, dict)}
    table = DOCS.read_text("utf-8").split("## Front matter")[1].split("## Requirements")[0]
    first_cells = "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE))
    assert set(re.findall(r"`([^`]+)`", first_cells)) == keys
