"""One text, Markdown or plain → one Prd and its problems. Pure: no disk, no clock, nothing of the text is run."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.inbox import answers, blocks, console, criteria, doctests, frontmatter, modules, names, outline, plain, planned, statements, tables
from orchestrator.inbox.blocks import Block
from orchestrator.inbox.criteria import Draft
from orchestrator.inbox.doctests import Found, Remark
from orchestrator.inbox.outline import Section
from orchestrator.inbox.planned import Part
from orchestrator.model import Budget, Criterion, Example, Gates, InputFile, Prd, Problem, Requirement, Target

_FILE_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)*")

_UNCLEAR = re.compile(r"\[NEEDS[ _-]CLARIFICATION\b[: \t]*([^\]]*)\]?", re.IGNORECASE)


@dataclass(frozen=True)
class Reading:
    """What `parse` found, whole: `folder` checks it against the configuration and the other files."""

    prd: Prd
    """As far as it could be read, also when there are errors."""
    problems: tuple[Problem, ...]
    lines: Mapping[str, int]
    """Lines of the front matter's keys, dotted."""

    @property
    def ok(self) -> bool:
        return not any(problem.severity == "error" for problem in self.problems)


def parse(text: str, path: str) -> tuple[Prd | None, tuple[Problem, ...]]:
    """The PRD in `text`, and what its author should know; no PRD when any problem is an error.

    `path` (as the user knows it) names the file in problems, and its stem is the PRD's id when the text gives none.
    """
    reading = read(text, path)
    return (reading.prd if reading.ok else None), reading.problems


def read(text: str, path: str, name: str = "", *, is_plain: bool = False) -> Reading:
    """As `parse`, keeping what could be read when there are errors. `is_plain`: it is plain text, no Markdown."""
    raw = text.encode("utf-8", "surrogatepass")
    lines = re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff")).split("\n")
    remarks: list[Remark] = []
    front, found = frontmatter.read(lines)
    remarks += found
    values = front.values
    prd = _prd(values, path, name or names.of_path(path), hashlib.sha256(raw).hexdigest())
    if not "".join(lines).strip():
        remarks.append(Remark(0, "empty-file", "the file is empty", "write a PRD, or `orchestrator init` writes one to start from"))
    else:
        if "id" not in front.lines and (reason := names.unsafe(prd.id)):
            message = f"the file's name makes the id `{prd.id}`, which cannot be a folder's name: {reason}"
            remarks.append(Remark(0, "unsafe-name", message, f"rename it, or write `id: {names.slug(prd.id, 'prd')}` in front matter"))
        prd = _body(prd, [""] * front.end + lines[front.end :], values, remarks, is_plain)
    problems = [Problem(path, min(each.line, len(lines)), each.code, each.message, each.hint, "error" if each.error else "note") for each in remarks]
    return Reading(prd, tuple(sorted(problems, key=lambda problem: (problem.line, problem.severity))), front.lines)


def _prd(values: Mapping[str, Any], path: str, name: str, fingerprint: str) -> Prd:
    def group(name: str) -> dict[str, Any]:
        return {key.removeprefix(f"{name}."): value for key, value in values.items() if key.startswith(f"{name}.")}

    own = values.get("id", name)
    return Prd(
        id=own,
        title=values.get("title", ""),
        project=values.get("project", own),
        path=path,
        fingerprint=fingerprint,
        requirements=(),
        draft=values.get("draft", False),
        target=Target(**group("target")),
        dependencies=tuple(values.get("dependencies", ())),
        depends_on=tuple(values.get("depends_on", ())),
        start=str(values.get("start", "")),
        schedule=values.get("schedule", ""),
        priority=values.get("priority", 0),
        budget=Budget(**group("budget")),
        agents=tuple((role, (ladder,) if isinstance(ladder, str) else tuple(ladder)) for role, ladder in group("agents").items()),
        gates=Gates(**group("gates")),
        deliver=values.get("deliver", ""),
    )


def _body(prd: Prd, lines: list[str], values: Mapping[str, Any], remarks: list[Remark], is_plain: bool) -> Prd:
    stated = statements.read(lines)
    remarks += stated.remarks
    tree, lines = plain.read(lines) if is_plain else (blocks.read("\n".join(lines)), lines)
    lines, said = answers.take(tree, lines, remarks)
    if said and is_plain:
        tree = tuple(block for block in tree if any(line.strip() for line in lines[block.start - 1 : block.end]))
    elif said:
        tree = blocks.read("\n".join(lines))
    for fence in criteria.fences(tree):
        if not fence.closed:
            message = "this fence is never closed: everything down to the end is read as part of it"
            remarks.append(Remark(fence.start, "unclosed-fence", message, "close it with a line of its own like the first", error=False))
    found = outline.read(tree)
    remarks += found.remarks
    shared = _files([block for block in found.shared if criteria.role(block, lines) == "file"], remarks)
    sections = [replace(section, prose=section.prose or is_plain, body=stated.without_cycles(section.body)) for section in found.sections]
    known = {section.key for section in sections}
    parts = [_part(section, known, lines, remarks) for section in sections]
    planned.give(parts)
    dependencies = tuple(dict.fromkeys((*prd.dependencies, *stated.dependencies)))
    _modules(parts, dependencies, remarks)
    _dependencies(parts, remarks)
    cycles = planned.take_over(parts, stated, remarks)
    requirements = answers.put(tuple(_requirement(prd.id, part, shared, lines, remarks) for part in parts), said, remarks)
    if not requirements:
        hint = "head each one `### R1: what must hold`, under `## Requirements`"
        remarks.append(Remark(0, "no-requirements", "there is no requirement in this file", hint, error=not prd.draft))
    files = {id(block) for block in found.shared if criteria.role(block, lines) == "file"}
    kept = ["\n".join(lines[block.start - 1 : block.end]).strip("\n") for block in found.context if id(block) not in files]
    title = prd.title or found.title or prd.id
    prd = replace(prd, title=title, requirements=requirements, context="\n\n".join(piece for piece in kept if piece.strip()))
    return replace(prd, dependencies=dependencies, phases=stated.stated.phases, cycles=cycles, modules=stated.modules)


def _part(section: Section, known: Collection[str], lines: list[str], remarks: list[Remark]) -> Part:
    body = criteria.read(section, lines, known)
    remarks += body.remarks
    found: list[list[Found]] = []
    own_files: list[tuple[InputFile, ...]] = []
    for draft in body.drafts:
        printed = any(doctests.PRINTS.search(text) for text in (section.title, body.text, *draft.text))
        examples: list[Found] = []
        for block in draft.blocks:
            what = criteria.role(block, lines)
            if what in ("doctest", "console"):
                line = block.first_content_line
                some, said = doctests.read(block.text, line, printed) if what == "doctest" else console.read(block.text, line)
                examples += some
                remarks += said
        found.append(examples)
        own_files.append(_files([block for block in draft.blocks if criteria.role(block, lines) == "file"], remarks))
    for first, again in criteria.duplicates(body.drafts):
        message = f"`{again.key}` is given to two criteria of `{section.key}`, on lines {first.line} and {again.line}"
        remarks.append(Remark(again.line, "duplicate-identifier", message, "give one of them another number"))
    part = Part(section, body, criteria.keys(body.drafts), found, _files(body.files, remarks), own_files)
    for name, value, line in body.attributes:
        part.attributes[name] = f"{part.attributes[name]}, {value}" if name == "depends_on" and name in part.attributes else value
        part.lines[name] = line
    part.attributes.setdefault("priority", section.priority)
    implicit = [key for key, draft in zip(part.keys, body.drafts, strict=True) if draft.implicit]
    if implicit:
        message = f"`{section.key}` has examples outside any criterion: they became {', '.join(implicit)}"
        remarks.append(Remark(section.line, "implicit-criterion", message, "indent an example under the criterion it shows", error=False))
    return part


def _files(found: Iterable[Block], remarks: list[Remark]) -> tuple[InputFile, ...]:
    files: dict[str, InputFile] = {}
    for block in found:
        name = block.info.split()[1]
        if not _FILE_NAME.fullmatch(name) or ".." in name:
            message = f"`{name}` cannot be the name of an input file"
            remarks.append(Remark(block.start, "bad-file-name", message, "a relative path of letters, digits, `.`, `_` and `-`"))
        elif name in files:
            message = f"`{name}` is given twice for the same examples, on lines {files[name].line} and {block.start}"
            remarks.append(Remark(block.start, "duplicate-file", message, "give one of them another name"))
        else:
            files[name] = InputFile(name, block.text, block.start)
    return tuple(files.values())


def _modules(parts: list[Part], dependencies: Sequence[str], remarks: list[Remark]) -> None:
    for part in parts:
        blocks_of = [example for examples in part.found for example in examples]
        python = [example for example in blocks_of if example.answer.compare != "console"]
        commands = [example for example in blocks_of if example.answer.compare == "console"]
        part.candidates = modules.of(python, commands, dependencies)
        stated = part.attributes.get("module", "")
        if not stated:
            continue
        wrong = modules.wrong_path(stated)
        if wrong:
            remarks.append(Remark(part.lines["module"], *wrong, "name a file such as `library/loans.py`"))
        else:
            part.module = stated
    known = [part.module for part in parts if part.module]
    used = [name for part in parts for name in part.candidates]
    for part in parts:
        if part.module or part.attributes.get("module"):
            continue
        paths = list(dict.fromkeys(modules.path_of(name, known, used) for name in part.candidates))
        part.module = paths[0] if paths else ""
        if len(paths) > 1:
            message = f"the examples of `{part.section.key}` import from {' and '.join(f'`{path}`' for path in paths)}: the first is taken"
            hint = f"say it under the heading: `Module: {paths[0]}`"
            remarks.append(Remark(part.section.line, "ambiguous-module", message, hint, error=False))


def _dependencies(parts: list[Part], remarks: list[Remark]) -> None:
    first: dict[str, int] = {}
    for part in parts:
        key, line = part.section.key, part.section.line
        if key in first:
            message = f"`{key}` is given to two requirements, on lines {first[key]} and {line}"
            remarks.append(Remark(line, "duplicate-identifier", message, "give one of them another number"))
        first.setdefault(key, line)
    for part in parts:
        line = part.lines.get("depends_on", 0)
        stated = re.split(r"\s*(?:,|;|\band\b|\s)\s*", part.attributes.get("depends_on", ""))
        wanted = dict.fromkeys(name.strip("`*.()[]") for name in stated)
        found = [name for name in wanted if name and name.lower() not in ("none", "nothing", "-", "–", "—")]
        for name in found:
            if name == part.section.key:
                remarks.append(Remark(line, "self-dependency", f"`{name}` depends on itself", "take it out of `Depends on:`"))
            elif name not in first:
                message = f"`{part.section.key}` depends on `{name[:60]}`, which is no requirement here{names.did_you_mean(name, first)}"
                remarks.append(Remark(line, "unknown-dependency", message, f"requirements: {names.listed(first)}"))
        part.depends_on = tuple(name for name in found if name in first and name != part.section.key)
    edges: dict[str, tuple[str, ...]] = {}
    for part in parts:
        edges.setdefault(part.section.key, part.depends_on)
    for cycle in names.cycles(edges):
        line = next(part.lines["depends_on"] for part in parts if part.section.key == cycle[0])
        message = f"requirements depend on each other in a circle: {' → '.join((*cycle, cycle[0]))}"
        remarks.append(Remark(line, "dependency-cycle", message, "take one of the `Depends on:` out"))


def _requirement(prd: str, part: Part, shared: tuple[InputFile, ...], lines: list[str], remarks: list[Remark]) -> Requirement:
    section = part.section
    whole = f"{prd}#{section.key}"
    written = []
    for key, draft, found, own in zip(part.keys, part.body.drafts, part.found, part.own_files, strict=True):
        from_tables = _table_examples(part, draft, lines, remarks)
        files = {file.name: file for file in (*shared, *part.files, *own)}
        written.append(_criterion(f"{whole}.{key}", key, draft, [*found, *from_tables], tuple(files.values()), remarks))
    unclear = _unclear(part)
    remarks += [
        Remark(line, "needs-clarification", f"`{section.key}` is not clear: {text[:120]}", "answer it, and take the mark out", error=False)
        for text, line in unclear
    ]
    requirement = Requirement(
        id=whole,
        key=section.key,
        title=section.title,
        text=part.body.text,
        line=section.line,
        module=part.module,
        depends_on=part.depends_on,
        priority=part.attributes.get("priority", ""),
        complexity=part.attributes.get("complexity", ""),
        type=part.type,
        criteria=tuple(written),
        inferred=section.inferred,
        phase=_phase(part, remarks) if "phase" in part.attributes else part.phase,
        unclear=tuple(dict.fromkeys(text for text, _ in unclear)),
    )
    remarks += _missing(requirement)
    return requirement


def _phase(part: Part, remarks: list[Remark]) -> int | None:
    """Number of the phase that an attribute line names."""
    stated = part.attributes["phase"]
    found = re.fullmatch(r"(?:phase\s+)?(\d{1,3})\b.*", stated, re.IGNORECASE)
    if not found:
        remarks.append(Remark(part.lines["phase"], "no-phase-number", f"`Phase: {stated[:60]}` names no phase", "write its number: `Phase: 2`"))
    return int(found[1]) if found else None


def _unclear(part: Part) -> list[tuple[str, int]]:
    """(text, line) of what is marked as open in a requirement."""
    said = [(part.section.title, part.section.line), (part.body.text, part.section.line)]
    said += [("\n".join(draft.text), draft.line) for draft in part.body.drafts]
    found: dict[str, int] = {}
    for text, line in said:
        for match in _UNCLEAR.finditer(text):
            question = " ".join(match[1].split()) or " ".join(text.split())[:200]
            found[question] = max(found.get(question, 0), line)
    return list(found.items())


def _table_examples(part: Part, draft: Draft, lines: list[str], remarks: list[Remark]) -> list[Found]:
    examples: list[Found] = []
    for block in draft.blocks:
        table = tables.head(lines[block.start - 1 : block.end], block.start) if block.kind == "table" else None
        if table is None:
            continue
        if not part.module:
            if "module" not in part.attributes:
                message = f"`{part.section.key}` does not say where `{table.call.source}` is found"
                hint = "write `Module: library/loans.py` right under the heading"
                remarks.append(Remark(block.start, "no-module-for-table", message, hint))
            continue
        some, said = tables.read(table, modules.dotted(part.module))
        examples += some
        remarks += said
    return examples


def _criterion(whole: str, key: str, draft: Draft, found: list[Found], files: tuple[InputFile, ...], remarks: list[Remark]) -> Criterion:
    text = "\n".join(piece for piece in draft.text if piece.strip())
    if not text:
        message = f"the criterion `{key}` has no text"
        remarks.append(Remark(draft.line, "empty-criterion", message, "say in a sentence what must hold"))
    examples = tuple(
        Example(
            id=f"{whole}/{number}",
            setup=each.setup,
            call=each.call,
            compare=each.answer.compare,
            expected=each.answer.expected,
            line=each.line,
            raises=each.answer.raises,
            stdin=each.stdin,
            exit_code=each.exit_code,
            ellipsis=each.ellipsis or (each.answer.compare == "raises"),
            files=files,
        )
        for number, each in enumerate(sorted(found, key=lambda each: each.line), 1)
    )
    return Criterion(whole, key, text, draft.line, examples, draft.inferred)


def _missing(requirement: Requirement) -> list[Remark]:
    """Notes about what stands between a requirement and its proof."""
    key, line = requirement.key, requirement.line
    bare = [criterion for criterion in requirement.criteria if not criterion.examples]
    proved = len(bare) < len(requirement.criteria)
    hint = "an example is a doctest, a call table or a console fence, indented under its criterion"
    if requirement.type == "non-functional" and not proved:
        message = f"`{key}` has no example, so nothing here can prove it"
        return [Remark(line, "non-functional-without-example", message, hint, error=False)]
    if not requirement.criteria:
        message = f"`{key}` has no criterion and no example"
        return [Remark(line, "requirement-without-criteria", message, "list what must hold: `- AC1: …`", error=False)]
    found: list[Remark] = []
    if bare and not proved and (requirement.inferred or bare[0].inferred):
        message = f"none of the {len(bare)} criteria of `{key}` has an example"
        found.append(Remark(line, "criterion-without-example", message, hint, error=False))
    else:
        found += [
            Remark(each.line, "criterion-without-example", f"`{key}.{each.key}` has no example", hint, error=False) for each in bare if each.text
        ]
    if not requirement.module:
        message = f"`{key}` does not say which file it is about"
        found.append(Remark(line, "no-module", message, "write `Module: library/loans.py` right under the heading", error=False))
    return found
