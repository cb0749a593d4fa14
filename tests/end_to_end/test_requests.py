"""Pull and merge requests. `gh` and `glab` are small programs of this test that record their arguments and remember what was opened: no host is asked.
git itself is the real one; `insteadOf` leads the address of a host to a bare repository on this disk."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.run.durable import KILL_AT
from tests.conftest import Workplace
from tests.end_to_end.test_deliver import QUICK, at, delivery
from tests.end_to_end.test_deliver import hub as hub
from tests.end_to_end.test_phases import on_branch
from tests.end_to_end.test_targets import ADD, PRD, git
from tests.end_to_end.test_targets import existing as existing

RECORDER = """\
#!{python}
# A stand-in for {name} that records its arguments and remembers one request; it is no part of the product.
import json, pathlib, sys
place = pathlib.Path({folder!r})
arguments = sys.argv[1:]
options = dict(each[2:].split("=", 1) for each in arguments if each.startswith("--") and "=" in each)
text = options.get("description") or (pathlib.Path(options["body-file"]).read_text() if "body-file" in options else "")
with (place / "calls").open("a") as calls:
    calls.write(json.dumps([arguments, text]) + "\\n")
opened = place / "opened"
if arguments[:2] == ["auth", "status"]:
    sys.exit(0 if (place / "in").exists() else 1)
if arguments[1] == "list":
    url = {url!r}
    print(json.dumps([{{"number": 7, "iid": 7, "url": url, "web_url": url}}] if opened.exists() else []))
if arguments[1] == "create":
    opened.touch()
    print("Creating a request\\n\\n" + {url!r})
"""


class Program:
    def __init__(self, place: Workplace, hub: Path, name: str, address: str, url: str) -> None:
        self.folder = place.root.parent / name
        (self.folder / "bin").mkdir(parents=True)
        (self.folder / "in").touch()
        program = self.folder / "bin" / name
        program.write_text(RECORDER.format(python=sys.executable, name=name, folder=str(self.folder), url=url))
        program.chmod(0o755)
        (self.folder / ".gitconfig").write_text(f'[url "{hub}"]\n\tinsteadOf = {address}\n')
        self.place = place

    def run(self, *arguments: str, **environment: str) -> Any:
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return self.place.command(*(arguments or ("run", "--no-site")), HOME=str(self.folder), PATH=path, **environment)

    def calls(self) -> list[tuple[list[str], str]]:
        """What it was asked since the last time."""
        path = self.folder / "calls"
        found = [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []
        path.unlink(missing_ok=True)
        return found


GITHUB, GITLAB = "https://github.example/acme/voice.git", "git@gitlab.example:acme/team/voice.git"
PULL, MERGE = "https://github.example/acme/voice/pull/7", "https://gitlab.example/acme/team/voice/-/merge_requests/7"


def ready(place: Workplace, target: str, prd: str = PRD, **settings: Any) -> None:
    place.prd("shout", prd.replace("../existing", target))
    place.agent(ADD, deliver={"how": "pull-request", **settings}, targets=["../*", "https://github.example/*", "git@gitlab.example:*"], **QUICK)


def test_a_pull_request_is_opened_once_and_then_brought_up_to_date(place: Workplace, hub: Path) -> None:
    gh = Program(place, hub, "gh", GITHUB, PULL)
    ready(place, GITHUB, draft=True)
    done = gh.run()
    assert done.returncode == 0, done.stdout + done.stderr
    head = place.git("shout", "rev-parse", "prd/shout").strip()
    assert at(hub, "prd/shout") == head
    (asked, _), (listed, _), (created, text) = gh.calls()
    about = ["--repo=github.example/acme/voice", "--head=prd/shout", "--base=main"]
    assert asked == ["auth", "status", "--hostname=github.example"]
    assert listed == ["pr", "list", *about, "--state=open", "--json=number,url", "--limit=1"]
    body = place.root / "runs/shout/deliveries/shout.md"
    assert created == ["pr", "create", *about, "--title=Shout", f"--body-file={body}", "--draft"]
    assert "| `R1` Shout | `AC1` louder | held-out |" in text
    assert f"`{place.git('shout', 'rev-parse', 'refs/orchestrator/evidence')[:10]}`" in text
    told = delivery(place)
    assert (told["how"], told["state"], told["url"], told["head"]) == ("pull-request", "delivered", PULL, head)
    assert f"shout: delivered: prd/shout was pushed to {GITHUB}; a pull request is opened ({PULL})" in done.stdout
    assert PULL in place.command("status").stdout

    assert (gh.run().returncode, gh.calls()) == (0, []), "nothing is new, and nobody is asked"

    on_branch(place, "shout", "src/voice/louder.py", "LOUDER = '!!'\n")
    assert gh.run().returncode == 0
    assert at(hub, "prd/shout") != head
    updated = [arguments for arguments, _ in gh.calls()][-1]
    place_of = ["--hostname=github.example", "--method=PATCH", "repos/acme/voice/pulls/7"]
    assert updated == ["api", *place_of, "--raw-field=title=Shout", f"--field=body=@{body}", "--silent"]


def test_a_target_that_is_a_clone_gets_its_request_where_it_was_cloned_from(place: Workplace, existing: Path, hub: Path) -> None:
    git(existing, "remote", "add", "origin", GITHUB)
    gh = Program(place, hub, "gh", GITHUB, PULL)
    ready(place, "../existing")
    assert gh.run().returncode == 0
    assert at(hub, "prd/shout") == place.git("shout", "rev-parse", "prd/shout").strip()
    assert (git(existing, "branch", "--list", "prd/*"), delivery(place)["url"]) == ("", PULL)


def test_a_merge_request_of_gitlab(place: Workplace, hub: Path) -> None:
    glab = Program(place, hub, "glab", GITLAB, MERGE)
    ready(place, GITLAB)
    done = glab.run()
    assert done.returncode == 0, done.stdout + done.stderr
    created, text = glab.calls()[-1]
    about = ["--source-branch=prd/shout", "--target-branch=main", "--title=Shout"]
    assert created == ["mr", "create", "--repo=https://gitlab.example/acme/team/voice", *about, "--yes", f"--description={text}"]
    assert delivery(place)["url"] == MERGE
    on_branch(place, "shout", "src/voice/louder.py", "LOUDER = '!!'\n")
    assert glab.run().returncode == 0
    assert glab.calls()[-1][0][:3] == ["mr", "update", "7"]


@pytest.mark.parametrize("why", ["is not logged in to github.example", "is not installed"])
def test_without_the_program_the_branch_is_pushed_and_the_command_is_kept(place: Workplace, hub: Path, why: str) -> None:
    gh = Program(place, hub, "gh", GITHUB, PULL)
    (gh.folder / "in").unlink()
    if "installed" in why:
        (gh.folder / "bin" / "gh").unlink()
    ready(place, GITHUB, PRD.replace("title: Shout", "title: It's loud"))
    done = gh.run()
    assert (done.returncode, why in done.stdout) == (0, True), done.stdout + done.stderr
    told = delivery(place)
    body = place.root / "runs/shout/deliveries/shout.md"
    assert (told["state"], told["url"], at(hub, "prd/shout")) == ("by hand", "", told["head"])
    assert told["command"] == (
        "gh pr create --repo=github.example/acme/voice --head=prd/shout --base=main '--title=It'\"'\"'s loud' " + f"--body-file={body}"
    )
    assert f"  → {told['command']}" in done.stdout and body.read_text().startswith("Proved: 1 of 1 criterion of “It's loud”")
    if "logged" in why:
        (gh.folder / "in").touch()
        assert (gh.run().returncode, delivery(place)["url"]) == (0, PULL), "the next run does what is left"


def test_a_dry_run_shows_title_and_text_and_changes_nothing(place: Workplace, hub: Path) -> None:
    gh = Program(place, hub, "gh", GITHUB, PULL)
    place.prd("shout", PRD.replace("../existing", GITHUB))
    place.agent(ADD, targets=["https://github.example/*"], **QUICK)
    assert gh.run().returncode == 0
    before = (git(hub, "for-each-ref"), place.project("shout"))
    shown = gh.run("deliver", "shout", "--as", "pull-request", "--dry-run", "--title", "Louder, by @everyone")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "title: Louder, by @" in shown.stdout and "@everyone" not in shown.stdout
    assert "## What was asked, and what proves it" in shown.stdout and "prd/shout would be pushed to" in shown.stdout
    assert ((git(hub, "for-each-ref"), place.project("shout")), gh.calls()) == (before, [])
    assert not (place.root / "runs/shout/deliveries").exists()
    assert gh.run("deliver", "--as", "pull-request", "--title", "Louder").returncode == 0
    assert "--title=Louder" in gh.calls()[-1][0]
    assert delivery(place)["url"] == PULL


@pytest.mark.parametrize("moment", ["before request opened", "after request opened"])
def test_a_kill_around_the_request_opens_no_second_one(place: Workplace, hub: Path, moment: str) -> None:
    gh = Program(place, hub, "gh", GITHUB, PULL)
    ready(place, GITHUB)
    killed = gh.run("run", "--no-site", **{KILL_AT: moment})
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    assert (gh.run().returncode, delivery(place)["url"]) == (0, PULL)
    assert [arguments[:2] for arguments, _ in gh.calls()].count(["pr", "create"]) == 1


def test_what_a_host_refuses_is_said_with_the_command(place: Workplace, hub: Path) -> None:
    gh = Program(place, hub, "gh", GITHUB, PULL)
    program = gh.folder / "bin" / "gh"
    program.write_text(program.read_text() + "if arguments[1] == 'create':\n    sys.exit('GraphQL: not allowed')\n")
    ready(place, GITHUB)
    done = gh.run()
    assert (done.returncode, "gh could not: GraphQL: not allowed" in done.stdout) == (0, True), done.stdout
    assert (delivery(place)["state"], delivery(place)["command"].partition(" --")[0]) == ("by hand", "gh pr create")


def test_the_template_may_be_the_working_folders_own(place: Workplace, hub: Path) -> None:
    gh = Program(place, hub, "gh", GITHUB, PULL)
    (place.root / "site_templates").mkdir()
    (place.root / "site_templates" / "request.md").write_text("Ours: {{ prd.id }}, {{ rows | length }}\n")
    ready(place, GITHUB)
    assert gh.run().returncode == 0
    assert gh.calls()[-1][1] == "Ours: shout, 1\n"
    (place.root / "site_templates" / "request.md").write_text("{{ nobody.knows }}")
    done = gh.run("deliver", "shout", "--as", "pull-request")
    assert (done.returncode, "this template of a request cannot be used" in done.stderr) == (2, True), done.stdout + done.stderr
