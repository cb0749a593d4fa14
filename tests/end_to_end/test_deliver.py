"""Complete PRDs go to the repository that they are for: real repositories on disk, plain pushes, and nothing of a person's is touched."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from orchestrator.run.durable import DELIVERING, KILL_AT
from tests.conftest import Workplace
from tests.end_to_end.test_phases import on_branch
from tests.end_to_end.test_targets import ADD, PRD, git
from tests.end_to_end.test_targets import existing as existing

QUICK: dict[str, Any] = {"gates": {"mutants": 0}, "tidy": {"enabled": False}}


@pytest.fixture
def hub(place: Workplace, existing: Path) -> Path:
    """A bare repository that the target of the PRD is a clone of, as a server holds it."""
    bare = place.root.parent / "hub.git"
    git(place.root, "clone", "--quiet", "--bare", str(existing), str(bare))
    return bare


def ready(place: Workplace, target: str, deliver: Any, **settings: Any) -> None:
    place.prd("shout", PRD.replace("../existing", target))
    place.agent(ADD, deliver=deliver, **QUICK, **settings)


def delivery(place: Workplace) -> dict[str, Any]:
    found: dict[str, Any] = place.project("shout")["prds"][0]["delivery"]
    return found


def at(repository: Path, name: str) -> str:
    return git(repository, "rev-parse", name).strip()


def test_nothing_is_pushed_unless_it_is_configured(place: Workplace, hub: Path) -> None:
    place.prd("shout", PRD.replace("../existing", "../hub.git"))
    place.agent(ADD, **QUICK)
    before = git(hub, "for-each-ref")
    assert place.run().returncode == 0
    assert git(hub, "for-each-ref") == before
    asked = place.command("deliver")
    assert (asked.returncode, "`deliver: none`" in asked.stdout, git(hub, "for-each-ref")) == (0, True, before), asked.stdout


def test_the_branch_is_pushed_once_and_again_when_there_is_more(place: Workplace, hub: Path) -> None:
    ready(place, "../hub.git", "branch")
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    head = place.git("shout", "rev-parse", "prd/shout").strip()
    assert at(hub, "prd/shout") == head
    told = delivery(place)
    assert (told["how"], told["state"], told["head"], told["commit"], told["where"]) == ("branch", "delivered", head, head, str(hub))
    assert place.runs("shout")[0]["deliveries"] == [told]
    assert f"shout: delivered: prd/shout was pushed to {hub}" in done.stdout
    changed = git(hub, "diff", "--name-only", "main", "prd/shout").split()
    assert changed == ["src/voice/loud.py", "tests/test_shout_r1.py"], "PRDs, runs, configuration and CI stay out"

    hub.rename(hub.with_suffix(".away"))  # a second run with nothing new asks nobody
    again = place.run()
    assert (again.returncode, "nothing new" in again.stdout) == (0, True), again.stdout
    hub.with_suffix(".away").rename(hub)

    on_branch(place, "shout", "src/voice/louder.py", "LOUDER = '!!'\n")
    assert place.run().returncode == 0
    assert at(hub, "prd/shout") == place.git("shout", "rev-parse", "prd/shout").strip() != head
    assert "shout: delivered as branch" in place.command("status").stdout
    place.command("site", "build")
    page = (place.root / "site/projects/shout/index.html").read_text("utf-8")
    assert "<h3>Delivery</h3>" in page and f"prd/shout was pushed to {hub}" in page

    git(hub, "update-ref", "refs/heads/main", "refs/heads/prd/shout")
    git(hub, "update-ref", "-d", "refs/heads/prd/shout")
    assert place.command("deliver").returncode == 0
    assert ("prd/shout" in git(hub, "for-each-ref"), delivery(place)["branch"]) == (False, "main"), "merged by somebody, and the branch taken away"


def test_a_branch_with_commits_of_others_is_never_pushed_over(place: Workplace, existing: Path, hub: Path) -> None:
    git(existing, "checkout", "-q", "-b", "prd/shout")
    git(existing, "commit", "-q", "--allow-empty", "-m", "somebody's")
    git(existing, "push", "-q", str(hub), "prd/shout")
    theirs = at(hub, "prd/shout")
    ready(place, "../hub.git", "branch")
    done = place.run()
    assert (done.returncode, at(hub, "prd/shout")) == (3, theirs), done.stdout
    assert f"prd/shout of {hub} has 1 commit that are not ours" in done.stdout.replace("1 commit that is", "1 commit that are")
    assert delivery(place)["state"] == "blocked"
    assert place.run().returncode == 0, "it is said once"
    git(hub, "branch", "-m", "prd/shout", "somebodys")
    assert place.run().returncode == 0
    assert (delivery(place)["state"], at(hub, "somebodys")) == ("delivered", theirs)


def test_it_is_merged_when_the_merge_holds(place: Workplace, existing: Path, hub: Path) -> None:
    ready(place, "../hub.git", "merge")
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    head = place.git("shout", "rev-parse", "prd/shout").strip()
    assert git(hub, "show", "-s", "--format=%P", "main").split() == [at(existing, "main"), head]
    message = git(hub, "show", "-s", "--format=%B", "main")
    assert message.startswith("Merge prd/shout: Shout\n") and f"\nHead: {head}\n" in message
    assert delivery(place)["commit"] == at(hub, "main")
    assert place.run().returncode == 0
    assert git(hub, "rev-list", "--count", "--merges", "main").strip() == "1", "and not again"


def test_a_merge_onto_work_of_others_is_looked_at_whole(place: Workplace, existing: Path, hub: Path) -> None:
    ready(place, "../hub.git", "none")
    assert place.run().returncode == 0
    others = "from voice.loud import shout\n\n\ndef test_it_is_quiet():\n    assert shout('x') == 'x'\n"
    (existing / "tests/test_against.py").write_text(others)
    git(existing, "add", ".")
    git(existing, "commit", "-q", "-m", "a test that ours breaks")
    git(existing, "push", "-q", str(hub), "main")
    asked = place.command("deliver", "shout", "--as", "merge")
    assert (asked.returncode, at(hub, "main")) == (3, at(existing, "main")), asked.stdout + asked.stderr
    assert "it does not hold: tests/test_against.py::test_it_is_quiet" in asked.stdout
    (existing / "tests/test_against.py").unlink()
    git(existing, "commit", "-q", "-a", "-m", "without it")
    git(existing, "push", "-q", str(hub), "main")
    assert place.command("deliver", "shout", "--as", "merge").returncode == 0
    assert git(hub, "show", "-s", "--format=%P", "main").split()[0] == at(existing, "main")
    assert "src/voice/loud.py" in git(hub, "ls-tree", "-r", "--name-only", "main")


def test_a_conflict_is_said_and_pushed_nowhere(place: Workplace, existing: Path, hub: Path) -> None:
    ready(place, "../hub.git", "none")
    assert place.run().returncode == 0
    (existing / "src/voice/loud.py").write_text("def shout(text):\n    return text\n")
    git(existing, "add", ".")
    git(existing, "commit", "-q", "-m", "the same file")
    git(existing, "push", "-q", str(hub), "main")
    asked = place.command("deliver", "--as", "merge", "--json")
    (answer,) = json.loads(asked.stdout)
    assert (asked.returncode, answer["delivery"]["state"]) == (3, "blocked")
    assert "have changed the same lines: src/voice/loud.py" in answer["delivery"]["detail"]
    assert at(hub, "main") == at(existing, "main")


def test_a_lost_race_is_merged_anew(place: Workplace, existing: Path, hub: Path) -> None:
    """The other side takes somebody's push just before ours, by a hook: ours is refused by git, and made again."""
    (existing / "NEWS").write_text("news\n")
    git(existing, "add", "NEWS")
    git(existing, "commit", "-q", "-m", "faster")
    hook = hub / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\ntest -e raced && exit 0\ntouch raced\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n"
        f"git --git-dir={hub} fetch -q {existing} main:main\n"
    )
    hook.chmod(0o755)
    ready(place, "../hub.git", "merge")
    git(existing, "checkout", "-q", "--detach")
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (hub / "raced").exists()
    assert git(hub, "show", "-s", "--format=%P", "main").split() == [at(existing, "main"), place.git("shout", "rev-parse", "prd/shout").strip()]
    assert {"NEWS", "src/voice/loud.py"} <= {*git(hub, "ls-tree", "-r", "--name-only", "main").split()}


def test_a_person_who_works_on_the_branch_is_told_the_command(place: Workplace, existing: Path) -> None:
    ready(place, "../existing", "merge")
    (existing / "mine.txt").write_text("not committed")
    before = (at(existing, "HEAD"), git(existing, "status", "--porcelain"))
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (at(existing, "HEAD"), git(existing, "status", "--porcelain")) == before
    told = delivery(place)
    assert (told["state"], told["branch"]) == ("by hand", "prd/shout")
    command = f"git -C {existing} merge --no-ff prd/shout"
    assert (told["command"], f"→ {command}" in done.stdout) == (command, True)
    git(existing, "-c", "user.name=Someone", "-c", "user.email=s@localhost", *command.split()[3:])
    assert place.run().returncode == 0
    assert (delivery(place)["state"], delivery(place)["commit"]) == ("delivered", at(existing, "main"))


def test_what_is_not_complete_or_has_complaints_is_not_delivered(place: Workplace, hub: Path) -> None:
    ready(place, "../hub.git", "branch", limits={"attempts": 1})
    place.agent("def turn(brief, folder):\n    pass\n", deliver="branch", limits={"attempts": 1}, **QUICK)
    assert place.run().returncode == 1
    assert place.command("deliver", "shout").returncode == 1
    assert "prd/shout" not in git(hub, "for-each-ref")
    place.agent(ADD, deliver="branch", **QUICK)
    place.command("retry")
    assert place.command("run", "--no-site", ORCHESTRATOR_DELIVER="none").returncode == 0
    on_branch(place, "shout", "tests/test_no.py", "def test_no():\n    assert 1 == 2\n")
    assert "shout: not delivered: its validation has complaints" in place.run().stdout
    asked = place.command("deliver", "shout")
    assert (asked.returncode, "prd/shout" in git(hub, "for-each-ref")) == (1, False), asked.stdout


def test_a_prd_may_only_choose_what_is_tighter(place: Workplace, hub: Path) -> None:
    place.prd("shout", PRD.replace("target: {repo: ../existing}", "target: {repo: ../hub.git}\ndeliver: none"))
    place.agent(ADD, deliver="merge", **QUICK)
    assert place.run().returncode == 0
    assert "prd/shout" not in git(hub, "for-each-ref")
    place.prd("shout", PRD.replace("target: {repo: ../existing}", "target: {repo: ../hub.git}\ndeliver: merge"))
    place.agent(ADD, deliver={"how": "branch"}, **QUICK)
    checked = place.command("check").stdout
    assert "`deliver` may only tighten: the configured `branch` stays" in checked
    assert place.run().returncode == 0
    assert (at(hub, "prd/shout"), "loud" in git(hub, "ls-tree", "-r", "main")) == (place.git("shout", "rev-parse", "prd/shout").strip(), False)


def test_prds_inside_the_products_own_repository(place: Workplace) -> None:
    place.prd("shout", PRD.replace("../existing", ".").replace("src/voice/loud.py", "loud.py").replace("voice.loud", "loud"))
    place.agent(
        "def turn(brief, folder):\n    (folder / 'loud.py').write_text('def shout(text):\\n    return text.upper() + \"!\"\\n')\n"
        "    (folder / '.github/workflows').mkdir(parents=True, exist_ok=True)\n    (folder / '.github/workflows/ci.yml').write_text('on: push')\n"
        "    (folder / 'prds').mkdir(exist_ok=True)\n    (folder / 'prds/other.md').write_text('# Another')\n",
        deliver="branch",
        **QUICK,
    )
    (place.root / ".gitignore").write_text("runs/\nsite/\n")
    git(place.root, "init", "-q", "-b", "main")
    git(place.root, "add", ".")
    git(place.root, "commit", "-q", "-m", "a product with its PRDs")
    before = (at(place.root, "HEAD"), git(place.root, "status", "--porcelain"))
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (at(place.root, "HEAD"), git(place.root, "status", "--porcelain")) == before
    assert git(place.root, "diff", "--name-only", "main", "prd/shout").split() == ["loud.py", "tests/test_shout_r1.py"]
    on_branch(place, "shout", ".github/workflows/ci.yml", "on: push\n")
    again = place.run()
    assert (again.returncode, "changes what is not a product's: .github/workflows/ci.yml" in again.stdout) == (3, True), again.stdout
    assert ".github" not in git(place.root, "ls-tree", "-r", "--name-only", "prd/shout")


@pytest.mark.parametrize("moment", [f"{when} {step}" for step in DELIVERING if step != "request opened" for when in ("before", "after")])
def test_a_kill_at_any_step_is_made_good_by_the_next_run(place: Workplace, hub: Path, moment: str) -> None:
    ready(place, "../hub.git", "none")
    assert place.run().returncode == 0
    place.agent(ADD, deliver="merge", **QUICK)
    killed = place.command("run", "--no-site", **{KILL_AT: moment})
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    assert place.run().returncode == 0
    assert (delivery(place)["state"], delivery(place)["commit"]) == ("delivered", at(hub, "main"))
    assert git(hub, "rev-list", "--count", "--merges", "main").strip() == "1"


def test_a_repository_that_is_gone_is_tried_again(place: Workplace, hub: Path) -> None:
    ready(place, "../hub.git", "none")
    assert place.run().returncode == 0
    place.agent(ADD, deliver="branch", **QUICK)
    hub.rename(hub.with_suffix(".away"))
    done = place.run()
    assert (done.returncode, f"shout: not delivered: {hub}" in done.stdout) == (5, True), done.stdout
    hub.with_suffix(".away").rename(hub)
    assert place.run().returncode == 0
    assert delivery(place)["state"] == "delivered"
