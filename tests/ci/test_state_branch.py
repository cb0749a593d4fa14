"""`state: branch` over real bare repositories: what a job has done is there for the next one, which is another machine."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.save import claims
from tests.ci.conftest import STATE, Hosting, commit, git, made, paid, returned
from tests.conftest import Workplace, clean_environment
from tests.end_to_end.test_pipeline import LANTERN, STEPWISE

OVENS = LANTERN.replace("lantern", "oven").replace("Lantern", "Oven")
BOTH = STEPWISE.replace('(folder / "lanterns.py")', '(folder / ("ovens.py" if "ovens" in brief.task else "lanterns.py"))')
SLOWLY = BOTH.replace("def turn(brief, folder):", "import time\ndef turn(brief, folder):\n    time.sleep(3)")
LOUD = "def turn(brief, folder):\n    raise SystemExit('an agent was asked')\n"


def clone_files(place: Workplace) -> dict[str, str]:
    """Everything of a clone that is a person's: the work tree, and all below .git."""
    paths = (path for path in sorted(place.root.rglob("*")) if path.is_file() and "runs" not in path.relative_to(place.root).parts[:1])
    return {str(path.relative_to(place.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_a_second_job_takes_no_turn_pushes_nothing_and_can_verify_all_of_it(worked: Hosting) -> None:
    head = worked.head()
    second = worked.clone("second")
    before = clone_files(second)
    done = second.run()
    assert (done.returncode, "nothing new" in done.stdout) == (0, True), done.stdout + done.stderr
    assert worked.head() == head
    assert second.states("lanterns") == {"lanterns#R1": "done", "lanterns#R2": "done"}
    assert len(paid(second)) == len(returned(worked)) == 2
    assert git(second.root, "rev-parse", "--is-shallow-repository").strip() == "true"
    assert clone_files(second) == before, "the clone of the person is only read"
    proved = second.command("verify")
    assert proved.returncode == 0, proved.stdout + proved.stderr


def test_an_edit_in_another_clone_costs_what_it_touches(worked: Hosting) -> None:
    place = worked.clone("editor")
    place.prd("lanterns", LANTERN.replace("costs 30", "costs 31").replace("60 |", "62 |").replace("90 |", "93 |").replace("300 |", "310 |"))
    place.agent(STEPWISE.replace("* 30", "* 31"), state="branch")
    commit(place)
    done = worked.clone("second").run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 turn, 1 task done" in done.stdout
    assert len(returned(worked)) == 3


def test_two_jobs_at_once_never_pay_for_one_task(tmp_path: Path) -> None:
    hosting = made(tmp_path, SLOWLY)
    places = [hosting.clone(f"job{number}") for number in range(2)]
    running = [place.start("run", "--no-site") for place in places]
    codes = sorted(each.wait(300) for each in running)
    logs = [place.log() for place in places]
    assert codes == [0, 6], logs
    assert sum("is being worked on by process" in log for log in logs) == 1, logs
    assert (len(paid(*places)), len(returned(hosting))) == (2, 2), logs


def test_two_jobs_at_once_share_two_projects(tmp_path: Path) -> None:
    hosting = made(tmp_path, SLOWLY, prds={"lanterns": LANTERN, "ovens": OVENS})
    places = [hosting.clone(f"job{number}") for number in range(2)]
    running = [place.start("run", "--no-site") for place in places]
    codes = [each.wait(300) for each in running]
    logs = [place.log() for place in places]
    assert set(codes) <= {0, 6}, logs
    last = hosting.clone("last")
    assert last.run().returncode == 0
    assert {*last.states("lanterns").values(), *last.states("ovens").values()} == {"done"}
    assert len(paid(*places, last)) == len(returned(hosting)) == len(set(returned(hosting))) == 4, logs


@pytest.mark.parametrize("moment", ["before result saved:2", "after task done:1"])
def test_a_job_that_is_killed_is_continued_and_its_turns_are_not_paid_again(hosting: Hosting, moment: str) -> None:
    first = hosting.clone("first")
    assert first.command("run", "--no-site", TDD_KILL_AT=moment).returncode == -9
    kept = returned(hosting)
    assert kept, "what was paid is on the branch"
    second = hosting.clone("second")
    done = second.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert second.states("lanterns") == {"lanterns#R1": "done", "lanterns#R2": "done"}
    assert {*kept} <= {*returned(hosting)}
    assert len(returned(hosting)) == 2
    assert [state for _, state in paid(first, second)].count("settled") == 2
    assert second.command("verify", "--quick").returncode == 0


def claimed_elsewhere(seconds: float) -> str:
    return replace(claims.made(1), who="the job of another machine", place="another boot", until=time.time() + seconds).text()


def slow(seconds: float) -> str:
    """An agent whose first task's turn takes so long."""
    begun = f"import time\ndef turn(brief, folder):\n    time.sleep({seconds} if brief.task.endswith('R1') else 0)"
    return STEPWISE.replace("def turn(brief, folder):", begun)


def test_a_claim_binds_until_it_ends(hosting: Hosting) -> None:
    assert hosting.clone("first").command("run", "--no-site", TDD_KILL_AT="before result saved:1").returncode == -9
    hosting.write("claims/lanterns.json", claimed_elsewhere(6))
    until = time.time() + 6
    second = hosting.clone("second")
    done = second.run()
    assert done.returncode == 6, done.stdout
    assert "is being worked on by the job of another machine" in done.stdout
    assert "lanterns: worked on by the job of another machine, until " in second.command("state").stdout
    wait_until(lambda: time.time() > until)
    assert "lanterns: free (the claim of the job of another machine has ended)" in second.command("state").stdout
    assert second.run().returncode == 0
    assert len(returned(hosting)) == 2


def test_what_another_job_did_meanwhile_is_gone_on_with(worked: Hosting) -> None:
    """The first clone pulled before the second one worked: its own copy is out of date, and set aside."""
    first = worked.clone("first")
    assert first.run().returncode == 0
    editor = worked.clone("editor")
    editor.prd(
        "lanterns", LANTERN + "\n### R3: Name them\nModule: lanterns.py\n\n- AC1: names\n\n  | `name(n)` | => |\n  |---|---|\n  | 1 | 'L1' |\n"
    )
    more = "code = code + '\\n\\ndef name(n):\\n    return \"L\" + str(n)\\n'"
    editor.agent(STEPWISE.replace("    (folder", f"    if brief.task.endswith('R3'):\n        {more}\n    (folder"), state="branch")
    commit(editor)
    assert worked.clone("second").run().returncode == 0
    git(first.root, "pull", "--quiet")
    first.agent(LOUD, state="branch")
    done = first.run()
    assert (done.returncode, "nothing new" in done.stdout) == (0, True), done.stdout
    assert first.states("lanterns")["lanterns#R3"] == "done"
    assert any((first.root / "runs/lanterns/damaged").rglob("project.sqlite"))


def test_a_claim_is_renewed_while_a_turn_takes_longer_than_it(tmp_path: Path) -> None:
    hosting = made(tmp_path, slow(16), state={"keep": "branch", "claim_minutes": 0.05})
    first = hosting.clone("first")
    running = first.start("run", "--no-site")
    wait_until(lambda: git(hosting.path, "for-each-ref", f"refs/heads/{STATE}"))
    claim = json.loads(hosting.read("claims/lanterns.json"))
    wait_until(lambda: time.time() > claim["until"] + 2)
    done = hosting.clone("second").run()
    assert done.returncode == 6, done.stdout
    assert running.wait(300) == 0, first.log()
    assert len(returned(hosting)) == 2


def test_a_job_whose_claim_was_taken_over_stops_and_pushes_nothing_more_of_it(tmp_path: Path) -> None:
    hosting = made(tmp_path, slow(12))
    first = hosting.clone("first")
    running = first.start("run", "--no-site")
    wait_until(lambda: git(hosting.path, "for-each-ref", f"refs/heads/{STATE}"))
    hosting.write("claims/lanterns.json", claimed_elsewhere(600))
    assert running.wait(300) == 6, first.log()
    assert "was taken over by the job of another machine" in first.log()
    assert json.loads(hosting.read("claims/lanterns.json"))["who"] == "the job of another machine"
    assert git(hosting.path, "ls-tree", "--name-only", STATE).split() == ["README.md", "claims", "inbox.json", "state.json"]
    assert len(paid(first)) == 1


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


PUSHES = """
import sys
from pathlib import Path
from orchestrator.config import load
from orchestrator.save.state_branch import Change
from orchestrator.share import branch_of
root, name = Path(sys.argv[1]), sys.argv[2]
branch = branch_of(root, load(root))
branch.fetch()
for number in range(5):
    branch.write(lambda: Change(f"{name} {number}", {f"projects/{name}/reports/{number}.json": branch.blob_of(f"{name} {number}")}))
"""


def test_pushes_that_race_are_all_there_in_the_end(hosting: Hosting) -> None:
    names = [f"job{number}" for number in range(4)]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PUSHES, str(hosting.clone(name).root), name], env=clean_environment(), stderr=subprocess.PIPE, text=True
        )
        for name in names
    ]
    assert [(each.wait(300), each.stderr.read() if each.stderr else "") for each in running] == [(0, "")] * 4
    history = git(hosting.path, "log", "--format=%s", STATE).splitlines()
    assert sorted(history) == sorted(f"{name} {number}" for name in names for number in range(5))
    assert all(hosting.read(f"projects/{name}/reports/{number}.json") == f"{name} {number}" for name in names for number in range(5))


def test_a_shallow_clone_may_be_the_target_itself(tmp_path: Path) -> None:
    """The commonest case in CI: PRDs within the product's own repository, of which a job has the newest commit only."""
    front = "---\ntitle: Lanterns\ntarget: {repo: .}\n---\n"
    hosting = made(tmp_path, prds={"lanterns": front + LANTERN.partition("---\n")[2].partition("---\n")[2]})
    author = Workplace(tmp_path / "author")
    for number in range(3):
        (author.root / "notes.txt").write_text(f"{number}\n")
        commit(author, f"notes {number}")
    first = hosting.clone("first")
    before = clone_files(first)
    done = first.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert {**clone_files(first), ".git/index": ""} == {**before, ".git/index": ""}
    branch = "orchestrator/code/lanterns/prd/lanterns"
    subjects = git(hosting.path, "log", "--format=%s", branch).splitlines()
    assert ("a PRD" in subjects, "notes 2" in subjects) == (True, True), "the branch has the whole history"
    second = hosting.clone("second")
    again = second.run()
    assert (again.returncode, "nothing new" in again.stdout) == (0, True), again.stdout + again.stderr


# --- broken ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("state.json", "{", "its state.json cannot be read"),
        ("state.json", None, "its state.json is gone"),
        ("state.json", '{"version": 99}', "newer version (99)"),
        ("claims/lanterns.json", "nobody", "the claim claims/lanterns.json"),
        ("projects/lanterns/refs.json", '{"refs/heads/main": "../../x"}', "refs.json is not what a run has written"),
        ("projects/lanterns/refs.json", json.dumps({"refs/heads/prd/lanterns": "1" * 40}), "does not hold it"),
        ("projects/lanterns/ledger.jsonl", "{}\n", "ledger.jsonl of lanterns cannot be read"),
        ("projects/lanterns/hooks/post-update", "#!/bin/sh\n", "hooks/post-update"),
    ],
)
def test_a_branch_that_somebody_broke_is_said_and_nothing_is_lost(worked: Hosting, path: str, text: str | None, said: str) -> None:
    worked.write(path, text)
    head = worked.head()
    place = worked.clone("second")
    place.agent(LOUD, state="branch")
    place.prd("lanterns", LANTERN.replace("| 99 | 9 |", "| 99 | 9 |\n  | 199 | 19 |"))  # something to do
    done = place.run()
    assert done.returncode == 70, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    assert worked.head() == head


def test_a_torn_record_is_made_good_from_reports_and_evidence(worked: Hosting) -> None:
    worked.write("projects/lanterns/reports/record/standing.json", "{ torn")
    place = worked.clone("second")
    place.agent(LOUD, state="branch")
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.states("lanterns") == {"lanterns#R1": "done", "lanterns#R2": "done"}


def test_a_branch_that_was_removed_while_its_code_is_there_is_said(worked: Hosting) -> None:
    head = worked.head()
    git(worked.path, "update-ref", "-d", f"refs/heads/{STATE}")
    place = worked.clone("second")
    place.agent(LOUD, state="branch")
    done = place.run()
    assert done.returncode == 70
    assert f"the branch {STATE} of origin is gone" in done.stderr
    git(worked.path, "update-ref", f"refs/heads/{STATE}", head)
    assert place.run().returncode == 0


def test_what_the_hosting_refuses_is_said_before_a_turn_is_taken(hosting: Hosting) -> None:
    hook = hosting.path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'no pushes here' >&2\nexit 1\n")
    hook.chmod(0o755)
    place = hosting.clone("first")
    place.agent(LOUD, state="branch")
    done = place.run()
    assert done.returncode == 5, done.stdout + done.stderr
    assert "cannot be pushed to origin" in done.stdout
    assert "pre-receive hook declined" in done.stdout
    assert paid(place) == []


def test_a_folder_without_that_remote_is_refused(place: Workplace) -> None:
    place.configure(state="branch")
    place.prd("lanterns", LANTERN)
    assert "is in no git repository" in place.run().stderr
    git(place.root, "init", "--quiet")
    done = place.run()
    assert (done.returncode, "no remote called origin" in done.stderr) == (2, True)
