"""Environments as they are really made: from the package index, without running anything of what is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from orchestrator.errors import SetupError
from orchestrator.run import environment
from orchestrator.run.dependencies import Requirement
from orchestrator.run.layout import Layout, detect


def project(**files: str) -> Layout:
    named = {"pyproject.toml": files.pop("pyproject", ""), "pack/__init__.py": "", **files}
    return detect(tuple(named), named.get)


def wheel(folder: Path, name: str, version: str, files: dict[str, str], requires: str = "") -> None:
    """A wheel of that name, as an index would hold it."""
    about = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (f"Requires-Dist: {requires}\n" if requires else "")
    contents = {**files, f"{about}/METADATA": metadata, f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = "".join(f"{path},,\n" for path in (*contents, f"{about}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in {**contents, f"{about}/RECORD": record}.items():
            archive.writestr(path, text)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels beside the index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", " ".join([*os.environ.get("PIP_FIND_LINKS", "").split(), str(folder)]))
    return folder


def answer(made: environment.Environment, code: str) -> str:
    return subprocess.run([made.python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_project_has_metadata_and_commands_without_being_built(tmp_path: Path) -> None:
    own = project(
        pyproject='[project]\nname = "My-Pack"\nversion = "1.2"\n[project.scripts]\nmypack = "pack:main"\n',
        **{"setup.py": "raise SystemExit('was run')"},
    )
    made = environment.prepare(tmp_path, (), project=own)
    code = "import importlib.metadata as m; print(m.version('my-pack'), [(e.name, e.value) for e in m.entry_points(group='console_scripts') if e.name == 'mypack'])"
    assert answer(made, code) == "1.2 [('mypack', 'pack:main')]"
    assert (made.python.parent / "mypack").read_text().startswith(f"#!{made.python}\n")
    assert answer(
        made, "import subprocess, sys; print(subprocess.run([sys.prefix + '/bin/pytest', '--version'], capture_output=True, text=True).stdout)"
    )
    assert {"pytest", "pluggy"} <= made.modules


def test_a_copy_of_the_project_that_a_dependency_brings_is_taken_away(tmp_path: Path, index: Path) -> None:
    wheel(index, "zz_helper", "1", {"zz_helper.py": ""}, requires="zz-pack")
    wheel(index, "zz_pack", "9", {"zz_pack/__init__.py": "RELEASED = True\n"})
    own = project(pyproject='[project]\nname = "zz-pack"\nversion = "1.2"\n')
    made = environment.prepare(tmp_path / "made", (Requirement("zz-helper", "here:1"),), project=own)
    assert answer(made, "import importlib.util as u, importlib.metadata as m; print(u.find_spec('zz_pack'), m.version('zz-pack'))") == "None 1.2"


def test_what_pytest_runs_on_stays_and_is_said(tmp_path: Path) -> None:
    made = environment.prepare(tmp_path, (), project=project(pyproject='[project]\nname = "pluggy"\nversion = "0.1"\n'))
    assert made.packages["pluggy"] != "0.1"
    assert any("pluggy" in note for note in made.notes)


def test_nothing_of_what_is_installed_runs_outside_the_sandbox(tmp_path: Path, index: Path) -> None:
    ran = tmp_path / "ran"
    wheel(index, "zz_evil", "1", {"zz_evil.pth": f"import pathlib; pathlib.Path({str(ran)!r}).write_text('ran')\n", "zz_evil.py": ""})
    made = environment.prepare(tmp_path / "made", (Requirement("zz-evil", "here:1"),), project=project(pyproject='[project]\nname = "p"\n'))
    assert "zz_evil" in made.packages
    assert not ran.exists()
    answer(made, "")
    assert ran.exists(), "it would have, in the environment's interpreter"


def test_a_dependency_that_does_not_exist_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"`zz-no-such-package>=1` \(pyproject\.toml:3\)"):
        environment.prepare(tmp_path, (Requirement("zz-no-such-package>=1", "pyproject.toml:3"),))


def test_a_dependency_that_nothing_but_a_dependency_needs_is_named(tmp_path: Path, index: Path) -> None:
    wheel(index, "zz_helper", "1", {"zz_helper.py": ""}, requires="zz-no-such-package")
    with pytest.raises(SetupError, match="zz-no-such-package"):
        environment.prepare(tmp_path / "made", (Requirement("zz-helper", "here:1"),))


def test_dependencies_that_exclude_each_other_are_both_named(tmp_path: Path, index: Path) -> None:
    for version in ("1", "2"):
        wheel(index, "zz_one", version, {"zz_one.py": ""})
    with pytest.raises(SetupError, match=r"`zz-one<2` \(a:1\), `zz-one>=2` \(b:2\)"):
        environment.prepare(tmp_path / "made", (Requirement("zz-one<2", "a:1"), Requirement("zz-one>=2", "b:2")))


def test_a_pytest_that_is_too_old_is_named_beside_ours(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"`pytest>=7,<10` \(the orchestrator\), `pytest<7` \(setup\.py:9\)"):
        environment.prepare(tmp_path, (Requirement("pytest<7", "setup.py:9", "test"),))


@pytest.mark.parametrize(("text", "major"), [("pytest>=7,<8", "7."), ("pytest>=6", "8."), ("pytest>=9", "9.")])
def test_the_projects_own_pytest_is_used(tmp_path: Path, text: str, major: str) -> None:
    made = environment.prepare(tmp_path, (Requirement(text, "setup.py:9", "test"),), project=project())
    assert made.packages["pytest"].startswith(major)


def test_a_pin_that_cannot_be_had_gives_way_and_a_note_says_so(tmp_path: Path, index: Path) -> None:
    wheel(index, "zz_one", "2", {"zz_one.py": ""})
    made = environment.prepare(tmp_path / "made", (Requirement("zz-one==1", "requirements/tests.txt:4", "test"),))
    assert made.packages["zz_one"] == "2"
    assert any("requirements/tests.txt:4" in note for note in made.notes)
    assert environment.prepare(tmp_path / "made", (Requirement("zz-one==1", "requirements/tests.txt:4", "test"),)) == made, "cached, with its notes"


def test_a_lock_file_is_followed_where_it_can_be(tmp_path: Path, index: Path) -> None:
    for version in ("1", "2"):
        wheel(index, "zz_one", version, {"zz_one.py": ""})
    pins = (Requirement("zz-one==1", "uv.lock", "test"), Requirement("pytest==1.0", "uv.lock", "test"))
    made = environment.prepare(tmp_path / "made", (Requirement("zz-one", "pyproject.toml:1"),), pins=pins)
    assert made.packages["zz_one"] == "1"
    assert any("pytest==1.0" in note for note in made.notes)


def test_a_requirement_of_tests_without_a_wheel_is_left_out_and_named(tmp_path: Path) -> None:
    made = environment.prepare(tmp_path, (Requirement("zz-no-such-package", "tox.ini:3", "test"),))
    assert any("zz-no-such-package (tox.ini:3)" in note for note in made.notes)


@pytest.mark.parametrize(
    "text", ["git+https://x.example/a.git", "a @ https://x.example/a.tar.gz", "./folder", "-e .", "--index-url=https://x.example"]
)
def test_what_is_no_package_of_an_index_is_refused_before_anything_is_run(tmp_path: Path, text: str) -> None:
    with pytest.raises(SetupError, match=r"here:1"):
        environment.prepare(tmp_path, (Requirement(text, "here:1"),))
    assert list(tmp_path.iterdir()) == []


def test_a_python_that_does_not_fit_is_said_with_both_versions(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=rf">=4\.1.*{sys.version_info.major}\.{sys.version_info.minor}"):
        environment.prepare(tmp_path, (), project=project(pyproject='[project]\nname = "p"\nrequires-python = ">=4.1"\n'))


def test_a_project_that_must_be_compiled_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="maturin"):
        environment.prepare(tmp_path, (), project=project(pyproject='[build-system]\nbuild-backend = "maturin"\n'))


def test_the_lock_is_of_all_that_matters(tmp_path: Path) -> None:
    one = environment.prepare(tmp_path, (), project=project(pyproject='[project]\nname = "p"\nversion = "1"\n'))
    two = environment.prepare(tmp_path, (), project=project(pyproject='[project]\nname = "p"\nversion = "2"\n'))
    assert one.lock != two.lock
    assert environment.prepare(tmp_path, (), project=project(pyproject='[project]\nname = "p"\nversion = "1"\n')) == one
