"""Bundles by themselves: one form, one hash, and no field that can be changed unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Limits
from orchestrator.errors import StoreError
from orchestrator.model import Criterion, Example
from orchestrator.save import audit, evidence
from orchestrator.save.evidence import Judged, KeptEvidence, TaskEvidence
from orchestrator.save.reports import ProofReport, Text
from tests.run.values import criterion, example, task

TREE = "a" * 40


def bundle() -> dict[str, Any]:
    shown: Example = example("f(1)", "'é😀'")
    held: Criterion = criterion("AC1", "it does", shown, example("f(2)"))
    judged = Judged(
        verdict="passed", reason="", title="do it", fingerprint="f" * 64, base_tree=TREE, red_tree=TREE, green_tree=TREE, tidied_tree=TREE,
        tests=[evidence.locked("tests/test_p_r1.py", "def test(): ...\n")], baseline=None, red=[], red_findings=[], written=[], attempts=[], tidying=None,
        mutation=None, flaky=[], proofs=[ProofReport(criterion="p#R1.AC1", level="oracle", tests=[], examples=2, held_out=0, revealed=0)],
    )  # fmt: skip
    made = TaskEvidence(
        project="p", run="20260101T000000Z-0000", started_at="2026-01-01T00:00:00.000Z", cycle=1, prd="p", prd_path="prds/p.md", prd_fingerprint="0" * 64,
        target="", dependencies=[], task=task(held), revealed=[], fresh=False, attempt="p#R1@ffffffffffff.1", judged=judged, commits=[], sandbox="full",
        sandbox_reasons=["a write outside is denied"], tools={"python": "3.11.7"}, environment="e" * 16, packages=["pytest==8.4.0"], limits=Limits(),
        previous="", hash="0" * 64,
    )  # fmt: skip
    return made.model_dump(mode="json")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [leaf for key, item in items for leaf in leaves(item, (*path, key))]
    yield from found or [path]


def test_a_bundle_reads_back_as_it_was_and_has_one_form() -> None:
    data = evidence.sealed(bundle())
    found = evidence.read(data)
    assert isinstance(found, TaskEvidence)
    assert evidence.sealed(found.model_dump(mode="json")) == data
    assert data.isascii() and data.endswith(b"}\n")
    assert evidence.name(found) == "p_r1-ffffffffffff-1.json"


def test_no_field_can_be_changed_removed_or_doubled_unseen() -> None:
    data = evidence.sealed(bundle())
    paths = list(leaves(json.loads(data)))
    assert len(paths) > 60
    for path in paths:
        value = json.loads(data)
        place = value
        for key in path[:-1]:
            place = place[key]
        before = place[path[-1]]
        place[path[-1]] = f"{before}x" if isinstance(before, str) else 7 if before != 7 else 8
        with pytest.raises(StoreError):
            evidence.read(evidence.canonical(value))
    for wrong in (data.replace(b'"cycle": 1,', b'"cycle": 2,\n "cycle": 1,'), data.replace(b'"cycle": 1', b'"cycle":  1'), data + b"\n", b" " + data):
        assert wrong != data
        with pytest.raises(StoreError):
            evidence.read(wrong)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("prd", "../up"), ("project", "a/b"), ("run", "x\0"), ("prd", "a\nb"), ("prd", "-x"), ("commits", [{"id": "HEAD"}]), ("cycle", "1"), ("cycle", True),
        ("version", 2), ("version", "1"), ("kind", "other"), ("task", None), ("extra", 1), ("limits", {"memory_mb": -1}), ("prd_fingerprint", "0" * 63),
    ],
)  # fmt: skip
def test_a_value_that_could_do_harm_or_is_none_is_refused_though_the_hash_fits(key: str, value: Any) -> None:
    with pytest.raises(StoreError, match="not an evidence bundle"):
        evidence.read(evidence.sealed(bundle() | {key: value}))


def test_a_newer_version_is_called_so() -> None:
    with pytest.raises(StoreError, match="newer orchestrator"):
        evidence.read(evidence.sealed(bundle() | {"version": 99}))


def test_a_bundle_of_kept_examples_names_its_commit() -> None:
    kept = {"version": 1, "kind": "held-out kept", "project": "p", "prd": "p", "tests": [], "previous": "", "hash": "0" * 64}
    commit = {"id": "b" * 40, "kind": "test", "subject": "test(p): keep", "tree": TREE, "parent": TREE}
    found = evidence.read(evidence.sealed(kept | {"commits": [commit]}))
    assert isinstance(found, KeptEvidence) and evidence.name(found) == "p-held-out-bbbbbbbbbbbb.json"
    with pytest.raises(StoreError, match="no commit"):
        evidence.read(evidence.sealed(kept | {"commits": []}))


def test_a_text_of_a_report_is_read_only_from_an_artifact_of_its_project(tmp_path: Path) -> None:
    name = f"artifacts/00/{'0' * 64}.txt"
    (tmp_path / "artifacts" / "00").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    assert evidence.content(tmp_path, Text(inline="é", size=2)) == "é".encode()
    for artifact in ("secret.txt", "../secret.txt", "/etc/passwd", "artifacts/00/../../secret.txt"):
        assert "is no artifact" in str(evidence.content(tmp_path, Text(artifact=artifact)))
    assert evidence.content(tmp_path, Text(artifact=name)) == f"{name} is missing"
    (tmp_path / name).symlink_to(tmp_path / "secret.txt")
    assert evidence.content(tmp_path, Text(artifact=name)) == f"{name} is missing"
    (tmp_path / name).unlink()
    (tmp_path / name).write_text("head and tail")
    assert evidence.content(tmp_path, Text(inline="head", artifact=name)) == b"head and tail"
    assert "begins otherwise" in str(evidence.content(tmp_path, Text(inline="tail", artifact=name)))


def test_differences_name_each_place_and_tell_types_apart() -> None:
    found = audit.differences({"a": [1, {"b": "x"}], "c": 1, "d": [1]}, {"a": [1, {"b": "y"}], "c": True, "d": [1, 2]})
    assert [(item.where, item.recorded, item.found) for item in found] == [("a.1.b", "x", "y"), ("c", "1", "true"), ("d", "[1]", "[1, 2]")]
