"""CI: `init --ci` writes a template for a host, `state` says what the state branch holds and brings it."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from orchestrator.errors import Exit, UsageError
from orchestrator.upkeep import opened

TEMPLATES = Path(__file__).parent / "ci_templates"
HOSTS = ("github", "gitlab")
PLACES = {"github": ".github/workflows/orchestrator.yml", "gitlab": ".gitlab/orchestrator.yml"}
"""Where a template lies within the repository."""
INCLUDE = "include:\n  - local: .gitlab/orchestrator.yml\n"
NEEDED = {
    "state": "state: branch               # what runs have done is kept on the branch orchestrator/state",
    "sandbox": "sandbox: {require: full}",
}
"""Top-level keys of the configuration that CI needs → their line."""


def make(folder: Path, host: str, *, force: bool = False) -> list[str]:
    """Write the template for a working folder, and what the configuration lacks. Returns what was done, a line each, and what to do next."""
    from orchestrator import __version__
    from orchestrator.config import FILE, load
    from orchestrator.save.files import write_atomically

    lines = []
    text = (folder / FILE).read_text(encoding="utf-8")
    missing = [line for key, line in NEEDED.items() if not any(each.startswith(f"{key}:") for each in text.splitlines())]
    if missing:
        write_atomically(folder / FILE, text.rstrip("\n") + "\n\n" + "\n".join(missing) + "\n")
        lines.append(f"added    {folder / FILE}: {', '.join(line.partition(':')[0] for line in missing)}")
    config = load(folder)
    top = Path(_git(folder, "rev-parse", "--show-toplevel") or folder)
    inside = folder.resolve().relative_to(top.resolve()).as_posix()
    for name in ("prds", "runs", "site"):
        if config.folder(folder, name).is_absolute() and not config.folder(folder, name).is_relative_to(folder):
            raise UsageError(f"`{name}` lies outside of {folder}", hint="in CI everything is in the working folder")
    values = {
        "version": __version__,
        "branch": _default_branch(folder),
        "folder": inside,
        "prefix": "" if inside == "." else f"{inside}/",
        **{name: config.folder(folder, name).relative_to(folder).as_posix() for name in ("prds", "runs", "site")},
    }
    made = (TEMPLATES / f"{host}.yml").read_text(encoding="utf-8")
    for name, value in values.items():
        made = made.replace(f"<<{name}>>", value)
    files = {PLACES[host]: made} | ({".gitlab-ci.yml": INCLUDE} if host == "gitlab" else {})
    for name, content in files.items():
        path = top / name
        if path.exists() and (not force or name == ".gitlab-ci.yml"):
            lines.append(f"kept     {path}")
            if name == ".gitlab-ci.yml" and PLACES[host] not in path.read_text(encoding="utf-8"):
                lines.append(f"         add to it: include: [{{local: {PLACES[host]}}}]")
        else:
            write_atomically(path, content)
            lines.append(f"written  {path}")
    return [*lines, "", f"next: commit these files; docs/ci.md says in five lines what {host} must be told"]


def _default_branch(folder: Path) -> str:
    head = _git(folder, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
    return head or _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD") or "main"


def _git(folder: Path, *arguments: str) -> str:
    """'' where git refuses, or is not there."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def state(options: argparse.Namespace) -> Exit:
    """What the branch holds, and who works on what."""
    from orchestrator import share
    from orchestrator.save.clock import stamp
    from orchestrator.show.console import terminal

    root, config = opened(options)
    branch = share.branch_of(root, config)
    branch.fetch()
    if not branch.head:
        print(f"{config.state.remote} has no branch {config.state.branch} yet: nothing was done with `state: branch`")
        return Exit.DONE
    print(f"{config.state.branch} of {config.state.remote} at {branch.head[:12]}")
    claims = branch.claims()
    for project in branch.projects():
        claim = claims.get(project)
        said = f"worked on by {claim.who}, until {stamp(claim.until)} unless renewed" if claim and claim.binds() else "free"
        ended = f" (the claim of {claim.who} has ended)" if claim and not claim.binds() else ""
        print(terminal.safe(f"{project}: {said}{ended}"))
    return Exit.DONE


def state_pull(options: argparse.Namespace) -> Exit:
    """Bring it into the working folder, as a run does when it begins."""
    from orchestrator import share
    from orchestrator.show.console import lines

    root, config = opened(options)
    shared = share.shared(root, config, lines.tell)
    shared.pull()
    held = shared.branch.projects()
    print(f"{len(held)} project{'s' * (len(held) != 1)} from {config.state.branch} of {config.state.remote}" if held else "nothing is there yet")
    return max((error.exit_code for error in shared.broken.values()), default=Exit.DONE)
