"""A folder of PRDs, good and bad, on a real disk."""

import os
import time
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.cron import moment
from orchestrator.inbox.folder import File, Known, Scan, scan

from .prds import LOANS, ONE, generated


def put(root: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / "prds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def scanned(root: Path, files: dict[str, str | bytes], **config: object) -> Scan:
    put(root, files)
    return scan(root, Config.model_validate(config))


def errors(found: Scan) -> list[tuple[str, int, str]]:
    return [(each.path, each.line, each.code) for each in found.problems if each.severity == "error"]


def front(**keys: str) -> str:
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in keys.items()) + "---\n" + ONE


def test_good_prds_come_back_in_the_order_of_their_paths(tmp_path: Path) -> None:
    found = scanned(tmp_path, {"library.md": LOANS, "deep/doubling.markdown": ONE})
    assert [(each.id, each.path) for each in found.prds] == [("doubling", "prds/deep/doubling.markdown"), ("loans", "prds/library.md")]
    assert errors(found) == []
    assert found.files == (
        File("prds/deep/doubling.markdown", sha256(ONE.encode()).hexdigest(), "accepted", "doubling", "doubling", "doubling", 1, 1, 1),
        File("prds/library.md", sha256(LOANS.encode()).hexdigest(), "accepted", "loans", "library", "Library loans", 3, 5, 7),
    )


def test_a_draft_comes_back_and_says_so(tmp_path: Path) -> None:
    found = scanned(tmp_path, {"idea.md": front(draft="true")})
    assert [(each.id, each.draft) for each in found.prds] == [("idea", True)]
    assert found.files[0].state == "draft"


@pytest.mark.parametrize(
    "name", ["README.md", "readme.md", "deep/README.md", ".hidden.md", ".git/x.md", "a.md~", ".#a.md", "#a.md#", "~$a.md", "a.py"]
)
def test_files_that_are_no_prds_are_passed_over_in_silence(tmp_path: Path, name: str) -> None:
    assert scanned(tmp_path, {name: "\xff not a PRD"}) == Scan((), (), ())


@pytest.mark.parametrize(("name", "code"), [("spec.yaml", "no-prd"), ("spec.yml", "no-prd"), ("list.json", "no-prd"), ("notes.txt", "no-prd")])
def test_what_is_no_prd_is_noted(tmp_path: Path, name: str, code: str) -> None:
    found = scanned(tmp_path, {name: "[1, 2]", "one.md": ONE})
    assert [(each.path, each.code, each.severity) for each in found.problems] == [(f"prds/{name}", code, "note")]
    assert len(found.prds) == 1


def test_a_missing_folder_is_noted(tmp_path: Path) -> None:
    found = scan(tmp_path, Config())
    assert [(each.path, each.code, each.severity) for each in found.problems] == [("prds", "no-folder", "note")]


BAD: dict[str, tuple[str | bytes, int, str]] = {
    "empty": (b"", 0, "empty-file"),
    "binary": (b"# PRD\n\x89PNG\0\0\n", 2, "binary-file"),
    "latin-1": ("# Caf\xe9\n".encode("latin-1"), 1, "not-utf-8"),
    "latin-1 further down": ("# PRD\n\nabc\ncaf\xe9\n".encode("latin-1"), 4, "not-utf-8"),
    "too large": (b"#" * 5001, 0, "too-large"),
    "alias": (front(title="&a x", project="*a"), 3, "yaml-bomb"),
    "unsafe project": (front(project="../x"), 2, "unsafe-name"),
    "unknown key": (front(titel="x"), 2, "unknown-key"),
    "target elsewhere": (front(target="{repo: /etc}"), 2, "target-not-allowed"),
    "target by URL": (front(target="{repo: 'https://example.org/x.git'}"), 2, "target-not-allowed"),
    "unknown agent": (front(agents="{code: [auto, locl]}"), 2, "unknown-agent"),
    "no such PRD": (front(depends_on="[accounts]"), 2, "unknown-dependency"),
    "itself": (front(depends_on="[bad]"), 2, "self-dependency"),
    "two wrongs": (front(titel="x", depends_on="[accounts]"), 2, "unknown-key"),
}


@pytest.mark.parametrize(("content", "line", "code"), BAD.values(), ids=BAD)
def test_a_bad_file_is_set_aside_with_its_line_and_code_and_the_others_stay(tmp_path: Path, content: str | bytes, line: int, code: str) -> None:
    found = scanned(tmp_path, {"bad.md": content, "good.md": LOANS}, inbox={"max_bytes": 5000}, agents={"local": {"type": "recorded"}})
    assert ("prds/bad.md", line, code) in errors(found)
    assert {path for path, _, _ in errors(found)} == {"prds/bad.md"}
    assert [each.id for each in found.prds] == ["loans"]
    assert [each.state for each in found.files] == ["set aside", "accepted"]


def test_bytes_that_are_no_utf8_are_named_with_their_offset(tmp_path: Path) -> None:
    [problem] = scanned(tmp_path, {"bad.md": b"ok\ncaf\xe9\n"}).problems
    assert "0xe9 at offset 6, line 2" in problem.message


def test_suggestions_name_the_agent_and_the_prd_that_were_meant(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"a.md": front(agents="{code: locl}", depends_on="[lones]"), "library.md": LOANS}
    found = scanned(tmp_path, files, agents={"local": {"type": "recorded"}})
    messages = [each.message for each in found.problems if each.path == "prds/a.md"]
    assert any("did you mean `local`?" in message for message in messages)
    assert any("did you mean `loans`?" in message for message in messages)


@pytest.mark.parametrize(
    ("repo", "targets", "allowed"),
    [
        ("../library", ["../*"], True),
        ("../../library", ["../*"], False),
        ("../a/library", ["../*"], False),
        ("../a/library", ["../**"], True),
        ("../../library", ["../**"], False),
        ("..", ["../*"], False),
        (".", ["."], True),
        ("x/../.", ["."], True),
        ("sub", ["."], False),
        ("/etc", ["../*", "."], False),
        ("/srv/repos/a", ["/srv/repos/*"], True),
        ("/srv/repos/../a", ["/srv/repos/*"], False),
        ("https://example.org/me/a.git", ["https://example.org/me/*"], True),
        ("https://example.org/you/a.git", ["https://example.org/me/*"], False),
        ("git@example.org:me/a.git", ["*"], False),
        ("git@example.org:me/a.git", ["git@example.org:me/*"], True),
        ("ext::sh -c evil", ["../*", ".", "*"], False),
        ("library", [], False),
    ],
)
def test_targets_are_on_the_allow_list_or_refused(tmp_path: Path, repo: str, targets: list[str], allowed: bool) -> None:
    found = scanned(tmp_path / "work", {"a.md": front(target=f"{{repo: '{repo}'}}")}, targets=targets)
    assert (errors(found) == []) is allowed


def test_a_target_is_judged_after_its_links_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "link").symlink_to("/etc")
    found = scanned(tmp_path / "work", {"a.md": front(target="{repo: ../link}")})
    assert errors(found) == [("prds/a.md", 2, "target-not-allowed")]


def test_front_matter_that_would_loosen_a_limit_is_noted_and_stops_nothing(tmp_path: Path) -> None:
    found = scanned(tmp_path, {"a.md": front(budget="{attempts: 9}", gates="{held_out: 0.1}")})
    assert [(each.line, each.code, each.severity) for each in found.problems] == [(2, "not-tighter", "note"), (3, "not-tighter", "note")]
    assert len(found.prds) == 1
    gates = {"coverage": 20, "mutation": 20}
    lower = scanned(tmp_path / "lower", {"b.md": front(gates="{coverage: 10, mutation: 10}")}, gates=gates)
    assert [each.code for each in lower.problems] == ["not-tighter", "not-tighter"]


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text(LOANS)
    put(tmp_path, {"one.md": ONE})
    (tmp_path / "prds" / "file.md").symlink_to(outside / "secret.md")
    (tmp_path / "prds" / "folder").symlink_to(outside)
    found = scan(tmp_path, Config())
    assert errors(found) == [("prds/file.md", 0, "symlink-outside"), ("prds/folder", 0, "symlink-outside")]
    assert [each.id for each in found.prds] == ["one"]


def test_a_link_to_nothing_cannot_be_read(tmp_path: Path) -> None:
    put(tmp_path, {"one.md": ONE})
    (tmp_path / "prds" / "gone.md").symlink_to("nowhere.md")
    assert errors(scan(tmp_path, Config())) == [("prds/gone.md", 0, "unreadable")]


def test_links_within_the_folder_give_no_second_prd(tmp_path: Path) -> None:
    put(tmp_path, {"deep/one.md": ONE})
    (tmp_path / "prds" / "again.md").symlink_to("deep/one.md")
    (tmp_path / "prds" / "deep" / "up").symlink_to("..")
    found = scan(tmp_path, Config())
    assert [(each.path, each.code) for each in found.problems] == [("prds/again.md", "symlink-inside"), ("prds/deep/up", "symlink-inside")]
    assert len(found.prds) == 1
    assert errors(found) == []


def test_a_pipe_is_no_file_and_does_not_block(tmp_path: Path) -> None:
    put(tmp_path, {"one.md": ONE})
    os.mkfifo(tmp_path / "prds" / "pipe.md")
    assert errors(scan(tmp_path, Config())) == [("prds/pipe.md", 0, "not-a-file")]


def test_of_two_prds_with_one_id_the_first_path_stays(tmp_path: Path) -> None:
    found = scanned(tmp_path, {"a.md": front(id="sums"), "b.md": front(id="sums", priority="1")})
    assert errors(found) == [("prds/b.md", 2, "duplicate-prd")]
    assert "`prds/a.md`" in next(each for each in found.problems if each.code == "duplicate-prd").message
    assert [each.path for each in found.prds] == ["prds/a.md"]


def test_the_same_text_under_two_names_runs_once(tmp_path: Path) -> None:
    found = scanned(tmp_path, {"a.md": ONE, "b.md": ONE, "c.md": LOANS})
    assert errors(found) == [("prds/b.md", 0, "same-text")]
    assert [each.id for each in found.prds] == ["a", "loans"]


def test_prds_that_depend_on_each_other_in_a_circle_are_all_set_aside(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a.md": front(title="A", depends_on="[b]"),
        "b.md": front(depends_on="[c]"),
        "c.md": front(title="C", project="c", depends_on="[a]"),
        "d.md": front(title="D", depends_on="[a]"),
    }
    found = scanned(tmp_path, files)
    assert errors(found) == [
        ("prds/a.md", 3, "dependency-cycle"),
        ("prds/b.md", 2, "dependency-cycle"),
        ("prds/c.md", 4, "dependency-cycle"),
    ]
    assert "b → c → a → b" in next(each for each in found.problems if each.path == "prds/b.md").message
    assert [each.id for each in found.prds] == ["d"]


def test_a_contradiction_is_noted_with_both_lines_and_sets_nothing_aside(tmp_path: Path) -> None:
    again = ONE + "- AC2: two becomes five\n\n  ```python\n  >>> from doubling import double\n  >>> double(2)\n  5\n  ```\n"
    found = scanned(tmp_path, {"doubling.md": again})
    assert [(each.line, each.code, each.severity) for each in found.problems] == [(17, "contradiction", "note")]
    assert "lines 10 and 17" in found.problems[0].message
    assert len(found.prds) == 1


def test_a_hundred_prds_all_come_back(tmp_path: Path) -> None:
    put(tmp_path, {f"{number:03}.md": generated(number) for number in range(100)})
    started = time.perf_counter()
    found = scan(tmp_path, Config())
    seconds = time.perf_counter() - started
    assert [each.id for each in found.prds] == [f"prd-{number}" for number in range(100)]
    assert {(each.requirements, each.criteria, each.examples) for each in found.files} == {(5, 10, 10)}
    assert found.problems == ()
    print(f"scan of 100 PRDs: {seconds:.2f} s")


def test_prds_of_one_project_share_one_target(tmp_path: Path) -> None:
    found = scanned(tmp_path, {"a.md": front(project="both", target="{repo: .}"), "b.md": front(project="both", id="other")})
    assert errors(found) == [("prds/b.md", 0, "different-target")]
    assert [each.path for each in found.prds] == ["prds/a.md"]


def test_a_start_that_never_comes_is_noted_and_what_is_no_date_or_cron_expression_is_refused(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a.md": front(start="schedule"),
        "b.md": front(start="soon", id="b"),
        "c.md": front(schedule='"0 2 * * 9"', id="c"),
    }
    found = scanned(tmp_path, files)
    assert [(each.path, each.line, each.code) for each in found.problems if each.code == "never-begins"] == [("prds/a.md", 2, "never-begins")]
    assert errors(found) == [("prds/b.md", 2, "bad-start"), ("prds/c.md", 2, "bad-schedule")]


@pytest.mark.parametrize("start", ["2026-12-01", "2026-12-01 08:00:00", "2026-12-01T08:00:00+01:00", "2026-12-01 08:00 Europe/Berlin"])
def test_a_start_may_be_written_as_yaml_has_dates(tmp_path: Path, start: str) -> None:
    (prd,) = scanned(tmp_path, {"a.md": front(start=start)}).prds
    assert moment(prd.start).date() in (date(2026, 12, 1), date(2026, 11, 30))


def known(root: Path, files: dict[str, str | bytes]) -> Known:
    """What receipts of these files would know."""
    found = scanned(root, files)
    return Known({file.path: file.prd_id for file in found.files}, {file.fingerprint: (file.path, file.prd_id) for file in found.files})


def text(number: int) -> str:
    return ONE.replace("double", f"double_{number}")


def test_files_that_change_places_keep_their_ids(tmp_path: Path) -> None:
    """A branch on which every file has the name that the one before it had, the last one a new name, and the first two of another folder are swapped."""
    before: dict[str, str | bytes] = {f"p{number}.md": text(number) for number in range(5)} | {"a/x.md": text(10), "a/y.md": text(11)}
    remembered = known(tmp_path, before)
    after: dict[str, str | bytes] = {f"p{number + 1}.md": text(number) for number in range(5)} | {"a/x.md": text(11), "a/y.md": text(10)}
    (tmp_path / "prds" / "p0.md").unlink()
    put(tmp_path, after)
    found = scan(tmp_path, Config(), remembered)
    assert {prd.path: prd.id for prd in found.prds} == {f"prds/p{number + 1}.md": f"p{number}" for number in range(5)} | {
        "prds/a/x.md": "y",
        "prds/a/y.md": "x",
    }
    assert errors(found) == []


def test_a_file_that_is_edited_keeps_its_id_though_another_has_its_old_text_now(tmp_path: Path) -> None:
    remembered = known(tmp_path, {"a.md": text(1), "b.md": text(2)})
    put(tmp_path, {"a.md": text(3), "b.md": text(1)})
    assert {prd.path: prd.id for prd in scan(tmp_path, Config(), remembered).prds} == {"prds/a.md": "a", "prds/b.md": "b"}
