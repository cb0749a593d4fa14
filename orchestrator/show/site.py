"""build(): runs/ in, a static site out. What changed is rendered, what is gone is removed, the same inputs give the same bytes.

The site is made of parts (the chrome, each run, each project, overview, inbox, agents, search). A part has a key, a hash of everything it is
made from; `orchestrator-site.json` in the site's folder keeps keys, files and what other parts need to know. A part with the same key
whose files are still there is left alone, without importing a template engine. Only files named in that manifest are ever removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.errors import UsageError
from orchestrator.show import addresses, gather
from orchestrator.show.shell import Chrome, Shell, chrome, shipped

if TYPE_CHECKING:
    from orchestrator.config import Config

MANIFEST = "orchestrator-site.json"


class Rendered(NamedTuple):
    files: dict[str, str | Path]
    """Path in the site → its text, or the file to copy."""
    data: dict[str, Any]
    """JSON values for other parts; `search` is a list of [page, title, one line]."""


class Part(NamedTuple):
    key: str
    render: Callable[[], Rendered]


def build(root: Path, config: Config) -> Path:
    """Bring the site of a working folder up to date; returns its index.html.

    Raises UsageError when the site's folder holds an index.html that this function did not write, SetupError when MkDocs cannot run.
    """
    runs, site = config.folder(root, "runs"), config.folder(root, "site")
    old = _manifest(site)
    theme = chrome(root / "mkdocs.yml", runs / ".chrome")
    builder = _Builder(site, theme, old)
    projects = gather.projects(runs)
    builder.part("chrome", Part(theme.key, partial(_chrome, theme)))
    builder.part(
        "schemas", Part(gather.key(*(Path(__file__).parent.parent / "save" / name for name in ("reports.py", "links.py", "told_line.py"))), _schemas)
    )
    for project in projects:
        for run in project.runs:
            builder.part(f"run {project.name}/{run.id}", Part(run.key, partial(_run, builder, runs, project, run)))
        digests = builder.digests(project)
        key = _hash(project.key, digests)
        builder.part(f"project {project.name}", Part(key, partial(_project, builder, runs, project, digests)))
    inbox = runs / "inbox.json"
    keys = [[project.name, project.key, builder.digests(project)] for project in projects]
    builder.part("overview", Part(_hash(gather.key(inbox), keys, theme.note()), partial(_overview, builder, runs, projects, theme.note())))
    builder.part("inbox", Part(_hash(gather.key(inbox), [project.name for project in projects]), partial(_inbox, builder, runs, projects)))
    builder.part("agents", Part(_hash(keys), partial(_agents, builder, projects)))
    builder.part("schedule", Part(_hash(gather.key(runs / "schedule.json")), partial(_schedule, builder, runs)))
    entries = [entry for part in builder.new.values() for entry in part["data"].get("search", ())]
    builder.part("search", Part(_hash(theme.key, entries), partial(_search, theme, entries)))
    builder.finish()
    return site / addresses.OVERVIEW


def schema() -> dict[str, Any]:
    """JSON Schemas of the report files and of what a run tells, by name."""
    from orchestrator.save.links import Trace
    from orchestrator.save.reports import SCHEMAS
    from orchestrator.save.told_line import ToldLine

    found = {name: model.model_json_schema() for name, model in SCHEMAS.items()}
    return found | {"trace": Trace.model_json_schema(), "told": ToldLine.model_json_schema()}


def serve(root: Path, config: Config, port: int) -> None:
    """Show the site on http://127.0.0.1:<port>/ until interrupted; builds it when there is none.

    Raises UsageError when the port is taken.
    """
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    site = config.folder(root, "site")
    if not (site / addresses.OVERVIEW).exists():
        build(root, config)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def end_headers(self) -> None:
            self.send_header("Cache-Control", "no-cache")
            self.send_header("X-Content-Type-Options", "nosniff")
            super().end_headers()

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=str(site)))
    except OSError as error:
        raise UsageError(f"port {port}: {error.strerror}", hint="choose another with --port; 0 takes any free one") from None
    with server:
        print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(file=sys.stderr)


# --- what changed --------------------------------------------------------------------------------------------------------


def _manifest(site: Path) -> dict[str, Any]:
    """The parts of the last build. A new folder is claimed with an empty manifest, so that a build that is killed can be repeated."""
    path = site / MANIFEST
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        parts: dict[str, Any] = value["parts"]
        if all(isinstance(part, dict) and {"key", "files", "data"} <= part.keys() for part in parts.values()):
            return parts
    except FileNotFoundError:
        if (site / addresses.OVERVIEW).exists():
            raise UsageError(
                f"{site} holds an index.html of something else", hint="point `site` in orchestrator.yaml to a folder of its own"
            ) from None
        site.mkdir(parents=True, exist_ok=True)
        _write(path, '{"parts":{}}\n')
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return {}


class _Builder:
    """The state of one build: old and new manifest, and the template engine once a part needs it."""

    def __init__(self, site: Path, theme: Chrome, old: Mapping[str, Any]) -> None:
        self.site, self.theme, self.old = site, theme, old
        self.new: dict[str, Any] = {}
        self.templates = {path.name: path.read_text(encoding="utf-8") for path in sorted(shipped().templates.glob("*.html"))}
        self.shells = {path.stem: Shell(path.read_text(encoding="utf-8")) for path in sorted((theme.folder / "shells").glob("*.html"))}
        code = gather.key(*sorted(Path(__file__).parent.glob("*.py")), Path(__file__).parent.parent / "save" / "reports.py")
        self.key = _hash(code, self.templates, {name: shell.key for name, shell in self.shells.items()})
        self._env: Any = None

    @property
    def env(self) -> Any:
        if self._env is None:
            from orchestrator.show.pages import environment

            self._env = environment(self.templates)
        return self._env

    def part(self, name: str, part: Part) -> None:
        key = _hash(self.key, part.key)
        known = self.old.get(name)
        if known and known["key"] == key and all((self.site / path).is_file() for path in known["files"]):
            self.new[name] = known
            return
        rendered = part.render()
        for path, content in rendered.files.items():
            _write(self.site / path, content)
        self.new[name] = {"key": key, "files": sorted(rendered.files), "data": json.loads(json.dumps(rendered.data))}

    def page(self, path: str, title: str, body: str) -> str:
        named = {addresses.OVERVIEW: "index", addresses.INBOX: "inbox", addresses.AGENTS: "agents", addresses.SCHEDULE: "schedule"}
        shell = named.get(path, str(addresses.depth(path)))
        return self.shells[shell].fill(title, body)

    def digests(self, project: gather.ProjectFiles) -> dict[str, Any]:
        return {run.id: self.new[f"run {project.name}/{run.id}"]["data"]["digest"] for run in project.runs}

    def finish(self) -> None:
        kept = {path for part in self.new.values() for path in part["files"]}
        for path in sorted({path for part in self.old.values() for path in part["files"]} - kept):
            _remove(self.site, path)
        text = json.dumps({"parts": self.new}, sort_keys=True, indent=1) + "\n"
        manifest = self.site / MANIFEST
        if not manifest.exists() or manifest.read_text(encoding="utf-8") != text:
            _write(manifest, text)


def _hash(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _write(path: Path, content: str | Path) -> None:
    """Whole or not at all: a reader never meets half a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:80]}.{os.getpid()}.tmp")
    try:
        if isinstance(content, Path):
            shutil.copyfile(content, temporary)
        else:
            temporary.write_bytes(content.encode("utf-8", "replace"))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _remove(site: Path, name: str) -> None:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts:
        return
    path = site / pure
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == site or not folder.is_dir() or any(folder.iterdir()):
            break
        folder.rmdir()


# --- parts ---------------------------------------------------------------------------------------------------------------


def _chrome(theme: Chrome) -> Rendered:
    return Rendered({name: theme.folder / "site" / name for name in theme.files()}, {})


def _schemas() -> Rendered:
    return Rendered({f"schemas/{name}.json": json.dumps(value, indent=2, sort_keys=True) + "\n" for name, value in schema().items()}, {})


def _run(builder: _Builder, runs: Path, project: gather.ProjectFiles, run: gather.RunFiles) -> Rendered:
    from orchestrator.save.reports import RunReport
    from orchestrator.show import history, pages

    report = gather.read(run.report, RunReport, runs)
    page = addresses.run(project.name, run.id)
    title = f"Run {run.id}"
    used: set[str] = set()
    shown = gather.texts(project.folder, used)
    whole = pages.run_page(builder.env, project.name, run.id, report, run.junit is not None, run.log is not None, shown)
    files: dict[str, str | Path] = {page: builder.page(page, f"{title}, {project.name}", whole)}
    folder = page.removesuffix(addresses.OVERVIEW)
    if run.report.is_file():
        files[folder + "report.json"] = run.report
    if run.junit:
        files[folder + "junit.xml"] = run.junit
    if run.log:
        files[folder + "log.jsonl"] = run.log
    known = history.digest(project.name, run.id, report)
    search = [[page, f"{project.name}: run {run.id}", known["why"] or f"{known['outcome']}: {known['done']} done, {known['failed']} failed"]]
    if not isinstance(report, gather.Unreadable):
        for task in report.tasks:
            place = known["tasks"][task.id]["page"]
            files[place] = builder.page(place, f"{task.id}: {task.title}", pages.task_page(builder.env, project.name, run.id, task, place, shown))
            search.append([place, f"{task.id}: {task.title}", f"{project.name}, {report.started_at[:10]}, {task.verdict}: {task.reason}"])
        files |= {addresses.text(project.name, name): project.folder / name for name in used}
    return Rendered(files, {"digest": known, "search": search})


def _project(builder: _Builder, runs: Path, project: gather.ProjectFiles, digests: Mapping[str, Any]) -> Rendered:
    from orchestrator.save.reports import ProjectReport
    from orchestrator.show import pages

    report = gather.read(project.report, ProjectReport, runs)
    page = addresses.project(project.name)
    files: dict[str, str | Path] = {page: builder.page(page, project.name, pages.project_page(builder.env, project.name, report, digests))}
    if project.report.is_file():
        files[page.replace(addresses.OVERVIEW, "project.json")] = project.report
    search = [[page, f"Project {project.name}", ""]]
    if not isinstance(report, gather.Unreadable):
        search[0][2] = ", ".join(prd.title for prd in report.prds)
        search += [
            [f"{page}#{addresses.anchor(item.id)}", f"{item.key}: {item.title}", prd.title] for prd in report.prds for item in prd.requirements
        ]
    return Rendered(files, {"search": search})


def _overview(builder: _Builder, runs: Path, projects: Iterable[gather.ProjectFiles], note: str) -> Rendered:
    from orchestrator.save.reports import InboxReport, ProjectReport
    from orchestrator.show import pages

    cards = [pages.card(project.name, gather.read(project.report, ProjectReport, runs), builder.digests(project)) for project in projects]
    path = runs / "inbox.json"
    inbox = gather.read(path, InboxReport, runs) if path.exists() else None
    body = pages.overview(builder.env, cards, inbox, note)
    search = [[addresses.OVERVIEW, "Overview", "Projects, what needs a person, recent runs"]]
    return Rendered({addresses.OVERVIEW: builder.page(addresses.OVERVIEW, "Overview", body)}, {"search": search})


def _inbox(builder: _Builder, runs: Path, projects: Iterable[gather.ProjectFiles]) -> Rendered:
    from orchestrator.save.reports import InboxReport
    from orchestrator.show import pages

    path = runs / "inbox.json"
    inbox = gather.read(path, InboxReport, runs) if path.exists() else None
    body = pages.inbox_page(builder.env, inbox, [project.name for project in projects])
    search = [[addresses.INBOX, "Inbox", "Every PRD file, what became of it, its problems"]]
    return Rendered({addresses.INBOX: builder.page(addresses.INBOX, "Inbox", body)}, {"search": search})


def _agents(builder: _Builder, projects: Iterable[gather.ProjectFiles]) -> Rendered:
    from orchestrator.show import agents

    runs = [(project.name, run_id, known) for project in projects for run_id, known in builder.digests(project).items()]
    body = agents.page(builder.env, runs)
    search = [[addresses.AGENTS, "Agents", "What each agent solved, what was refused, what it cost"]]
    return Rendered({addresses.AGENTS: builder.page(addresses.AGENTS, "Agents", body)}, {"search": search})


def _schedule(builder: _Builder, runs: Path) -> Rendered:
    from orchestrator.save.schedule_report import ScheduleReport
    from orchestrator.show import schedule

    path = runs / "schedule.json"
    report = gather.read(path, ScheduleReport, runs) if path.exists() else None
    body = schedule.page(builder.env, report)
    search = [[addresses.SCHEDULE, "Schedule", "What is done when, what came of it last, and which PRDs begin later"]]
    return Rendered({addresses.SCHEDULE: builder.page(addresses.SCHEDULE, "Schedule", body)}, {"search": search})


_NAMED = frozenset({addresses.OVERVIEW, addresses.INBOX, addresses.AGENTS, addresses.SCHEDULE})


def _search(theme: Chrome, entries: Iterable[list[str]]) -> Rendered:
    from orchestrator.show.search import Entry, index

    guide = (theme.folder / "search.json").read_text(encoding="utf-8")
    return Rendered(dict(index(guide, [Entry(*entry) for entry in entries], _NAMED)), {})
