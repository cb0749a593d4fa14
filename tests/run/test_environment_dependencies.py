"""What repositories declare that they need, and where."""

from __future__ import annotations

import json

import pytest

from orchestrator.run.dependencies import Requirement, declared

TEST_FILE = {"tests/test_a.py": ""}


def texts(files: dict[str, str], kind: str = "") -> list[str]:
    found = declared(tuple(files), files.get)
    return [entry.text for entry in found.requirements if kind in ("", entry.kind)]


@pytest.mark.parametrize(
    ("files", "run", "test"),
    [
        ({"pyproject.toml": '[project]\nname = "p"\ndependencies = ["a>=1"]\noptional-dependencies.test = ["b"]\n'}, ["a>=1"], ["b"]),
        ({"pyproject.toml": '[project.optional-dependencies]\nall-tests = ["x"]\ntests = ["b"]\ndev = ["c"]\n'}, [], ["b"]),
        ({"pyproject.toml": '[project.optional-dependencies]\ndev = ["c", "sphinx", "ruff"]\n'}, [], ["c"]),
        ({"pyproject.toml": '[project]\nname = "My.P"\n[project.optional-dependencies]\ntests = ["my-p[more]", "b"]\nmore = ["c"]\n'}, [], ["c", "b"]),
        ({"pyproject.toml": '[project]\nname = "p"\n[project.optional-dependencies]\ntests = ["p[tests]", "b"]\n'}, [], ["b"]),
        ({"pyproject.toml": '[dependency-groups]\ntest = ["a", {include-group = "Base_Set"}]\nbase-set = ["b", {include-group = "test"}]\n'}, [], ["a", "b"]),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.9"\na = "^1.2"\n[tool.poetry.group.test.dependencies]\nb = "*"\n'}, ["a>=1.2,<2"], ["b"]),
        ({"pyproject.toml": '[tool.poetry.dependencies]\na = {version = "~1", extras = ["x", "y"], markers = "sys_platform == \'linux\'"}\n'}, ["a[x,y]>=1,<2; (sys_platform == 'linux')"], []),
        ({"pyproject.toml": '[tool.poetry.dependencies]\na = {version = "1", optional = true}\n'}, [], []),
        ({"pyproject.toml": '[tool.poetry.dependencies]\na = [{version = "1", python = "<3.10"}, {version = "2", python = ">=3.10"}]\n'}, ['a==1; python_version < "3.10"', 'a==2; python_version >= "3.10"'], []),
        ({"pyproject.toml": '[tool.poetry.dependencies]\na = {git = "https://x.example/a"}\n'}, [], []),
        ({"pyproject.toml": '[tool.pdm.dev-dependencies]\ntest = ["b"]\n'}, [], ["b"]),
        ({"pyproject.toml": '[tool.hatch.envs.test]\ndependencies = ["b"]\nfeatures = ["x"]\n[project.optional-dependencies]\nx = ["c"]\n'}, [], ["b", "c"]),
        ({"pyproject.toml": '[tool.setuptools.dynamic]\ndependencies = {file = ["req.in"]}\n', "req.in": "a\n"}, ["a"], []),
        ({"setup.cfg": "[options]\ninstall_requires =\n    a>=1\n    b\n[options.extras_require]\ntesting =\n    c\n"}, ["a>=1", "b"], ["c"]),
        ({"setup.py": "setup(install_requires=['a', 'b;python_version<\"3\"'], tests_require=['c'], extras_require={'test': ['d']})"}, ["a", 'b;python_version<"3"'], ["d", "c"]),
        ({"setup.py": "base = ['a']\nmore = base + ['b']\nsetup(name='p', install_requires=more)"}, ["a", "b"], []),
        ({"setup.py": "setup(name='p', install_requires=open('requirements.txt').read().split())", "requirements.txt": "a\n"}, ["a"], []),
        ({"setup.py": "setup(name='p', install_requires=compute())", "PKG-INFO": "Name: p\nRequires-Dist: a>=2\nRequires-Dist: b; extra == 'test'\n\n"}, ["a>=2"], ["b"]),
        ({"requirements.txt": "a==1 # why\n# b\n\nc>=1 \\\n  ,<2\n", "requirements-test.txt": "-r base.txt\nd\n", "base.txt": "e\n"}, ["a==1", "c>=1 ,<2"], ["e", "d"]),
        ({"requirements/tests.txt": "a==1.0 \\\n    --hash=sha256:00\n", "requirements/tests.in": "a\n"}, [], ["a==1.0"]),
        ({"pyproject.toml": '[project]\nname = "p"\noptional-dependencies.x = ["b"]\n', "requirements-dev.txt": "-e .[x]\nc\n"}, [], ["b", "c"]),
        ({"tox.ini": "[testenv]\ndeps =\n    a\n    slow: b\n    -r{toxinidir}/t.txt\ncommands = pytest\n", "t.txt": "c\n"}, [], ["a", "c"]),
        ({"Pipfile": '[packages]\na = "*"\n[dev-packages]\nb = "==1.2"\n'}, ["a"], ["b==1.2"]),
        ({"pytest.ini": "[pytest]\naddopts = --cov=p -n 2\nrequired_plugins = pytest-mock>=3\n"}, [], ["pytest-mock>=3", "pytest-cov", "pytest-xdist"]),
    ],
)  # fmt: skip
def test_declared(files: dict[str, str], run: list[str], test: list[str]) -> None:
    assert (texts(files, "run"), texts(files, "test")) == (run, test)


def test_each_says_where_it_stands() -> None:
    files = {"requirements.txt": "# first\na\n-r more.txt\n", "more.txt": "\n\nb\n", "pyproject.toml": '[project]\ndependencies = [\n  "c",\n]\n'}
    assert {entry.text: entry.where for entry in declared(tuple(files), files.get).requirements} == {
        "a": "requirements.txt:2",
        "b": "more.txt:3",
        "c": "pyproject.toml:3",
    }


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("poetry.lock", '[[package]]\nname = "A"\nversion = "1.0"\n[[package]]\nname = "b"\nversion = "2"\n[package.source]\ntype = "git"\n'),
        (
            "uv.lock",
            '[[package]]\nname = "a"\nversion = "1.0"\nsource = {registry = "x"}\n[[package]]\nname = "p"\nversion = "1"\nsource = {editable = "."}\n',
        ),
        ("pylock.toml", '[[packages]]\nname = "a"\nversion = "1.0"\n'),
        ("Pipfile.lock", json.dumps({"default": {"a": {"version": "==1.0"}, "g": {"git": "x"}}})),
        ("requirements.lock", "a==1.0\n-e file:.\n"),
    ],
)
def test_lock_files_are_pins(path: str, text: str) -> None:
    found = declared((path,), {path: text}.get)
    assert [entry.text.lower() for entry in found.pins] == ["a==1.0"]
    assert found.requirements == ()


def test_two_pins_of_one_name_are_none() -> None:
    text = '[[package]]\nname = "a"\nversion = "1"\n[[package]]\nname = "a"\nversion = "2"\n'
    assert declared(("poetry.lock",), {"poetry.lock": text}.get).pins == ()


def test_constraints_are_pins_too() -> None:
    files = {"requirements.txt": "-c limits.txt\na\n", "limits.txt": "a==1.5\n"}
    found = declared(tuple(files), files.get)
    assert ([entry.text for entry in found.requirements], [entry.text for entry in found.pins]) == (["a"], ["a==1.5"])


def test_files_that_include_each_other_end() -> None:
    files = {"requirements.txt": "-r requirements-dev.txt\na\n", "requirements-dev.txt": "-r requirements.txt\nb\n"}
    assert sorted(texts(files)) == ["a", "b"]


@pytest.mark.parametrize("include", ["../outside.txt", "/etc/passwd", "gone.txt"])
def test_an_include_that_is_not_there_is_a_note(include: str) -> None:
    files = {"requirements.txt": f"-r {include}\na\n"}
    found = declared(tuple(files), files.get)
    assert [entry.text for entry in found.requirements] == ["a"]
    assert any("requirements.txt:1" in note for note in found.notes)


@pytest.mark.parametrize("text", ["-i https://x.example/simple", "--extra-index-url=https://x.example", "-f ./wheels", "--trusted-host x"])
def test_no_file_of_a_target_says_which_index_is_used(text: str) -> None:
    found = declared(("requirements.txt",), {"requirements.txt": f"{text}\na\n"}.get)
    assert [entry.text for entry in found.requirements] == ["a"]
    assert any("index" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Foo.Bar_baz>=1", "foo-bar-baz"),
        ("a[x, y] (>=1,<2) ; python_version < '4'", "a"),
        ("a ~= 1.0", "a"),
        ("git+https://x.example/a.git", ""),
        ("a @ https://x.example/a.tar.gz", ""),
        ("./local", ""),
        ("-e .", ""),
        ("--index-url=https://x.example", ""),
        ("a; import os", "a"),
        ("a\n--index-url=x", ""),
        ("", ""),
    ],
)
def test_names(text: str, name: str) -> None:
    assert Requirement(text, "").name == name


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pyproject.toml", "[project]\ndependencies = 3\noptional-dependencies = []\n[dependency-groups]\ntest = [{include-group = 4}, 7]\n"),
        ("pyproject.toml", "[tool.poetry]\ndependencies = [1]\n[tool.hatch]\nenvs = 3\n[tool.tox]\nenv_run_base = 1\n"),
        ("pyproject.toml", '[tool.poetry.dependencies]\na = 3\nb = {version = 4}\nc = "||"\nd = ""\n'),
        ("poetry.lock", "package = 3"),
        ("Pipfile.lock", "[" * 100000),
        ("Pipfile", "= ="),
        ("requirements.txt", "\\\n\\\n"),
        ("tox.ini", "[testenv]\ndeps\nextras = ,\n"),
        ("setup.py", "setup(install_requires=3, extras_require={'test': 4, 5: ['x']}, tests_require=[[1]])"),
    ],
)
def test_broken_files_are_no_crash(path: str, text: str) -> None:
    assert all(entry.text for entry in declared((path,), {path: text}.get).requirements)
