"""How repositories of all kinds are laid out, read as untrusted text."""

from __future__ import annotations

import pytest

from orchestrator.run.layout import Layout, arguments_for, detect, fits, locked
from orchestrator.run.project import poetry_versions

SRC = {"src/pack/__init__.py": "", "tests/test_pack.py": "import pytest\n"}
FLAT = {"pack/__init__.py": "", "tests/test_pack.py": "import pytest\n"}


def laid_out(files: dict[str, str], tag: str = "") -> Layout:
    return detect(tuple(files), files.get, tag)


@pytest.mark.parametrize(
    ("files", "roots", "packages"),
    [
        (SRC, ("src",), ("pack",)),
        (FLAT, ("",), ("pack",)),
        ({"single.py": "", "setup.py": "", "test_single.py": ""}, ("",), ("single",)),
        ({"lib/pack/__init__.py": "", "setup.cfg": "[options]\npackage_dir =\n    = lib\n"}, ("lib",), ("pack",)),
        ({"lib/pack/__init__.py": "", "setup.py": "setup(package_dir={'': 'lib'}, packages=find_packages('lib'))"}, ("lib",), ("pack",)),
        ({"code/pack/a.py": "", "pyproject.toml": '[tool.setuptools.packages.find]\nwhere = ["code"]\n'}, ("code",), ("pack",)),
        ({"py/pack/__init__.py": "", "pyproject.toml": '[tool.poetry]\npackages = [{include = "pack", from = "py"}]\n'}, ("py",), ("pack",)),
        ({"py/pack/__init__.py": "", "pyproject.toml": '[tool.hatch.build.targets.wheel]\npackages = ["py/pack"]\n'}, ("py",), ("pack",)),
        ({"py/pack/__init__.py": "", "pyproject.toml": '[tool.pdm.build]\npackage-dir = "py"\n'}, ("py",), ("pack",)),
        ({**FLAT, "docs/conf.py": "", "examples/one/__init__.py": ""}, ("",), ("pack",)),
        ({**FLAT, "setup.cfg": "[options]\npackage_dir =\n    = not_there\n"}, ("",), ("pack",)),
    ],
)
def test_source(files: dict[str, str], roots: tuple[str, ...], packages: tuple[str, ...]) -> None:
    found = laid_out(files)
    assert (found.roots, found.packages) == (roots, packages)


@pytest.mark.parametrize(
    ("files", "tests", "runner"),
    [
        (SRC, ("tests",), "pytest"),
        ({**SRC, "pytest.ini": "[pytest]\ntestpaths = tests src\n"}, ("tests", "src"), "pytest"),
        ({**SRC, "setup.cfg": "[tool:pytest]\ntestpaths = t*s\n"}, ("tests",), "pytest"),
        ({"pack/__init__.py": "", "pack/tests/test_a.py": "import unittest\n"}, ("pack/tests",), "unittest"),
        ({"pack.py": "", "test_pack.py": "from unittest import TestCase\n"}, ("test_pack.py",), "unittest"),
        ({"pack.py": "", "tests.py": "import unittest\n"}, ("tests.py",), "unittest"),
        ({"pack.py": "", "testing/test_a.py": "", "testing/conftest.py": ""}, ("testing",), "pytest"),
        ({**SRC, "examples/app/tests/test_app.py": ""}, ("tests",), "pytest"),
        ({"pack.py": ""}, (), "none"),
    ],
)
def test_tests(files: dict[str, str], tests: tuple[str, ...], runner: str) -> None:
    found = laid_out(files)
    assert (found.tests, found.runner) == (tests, runner)
    assert not tests or found.is_test(f"{tests[0]}/any.py" if not tests[0].endswith(".py") else tests[0])
    assert not found.is_test("src/pack/__init__.py") or tests == ("tests", "src")


def test_no_tests_is_said() -> None:
    assert any("no tests were found" in note for note in laid_out({"pack.py": ""}).notes)


def test_nose_is_said_not_to_work() -> None:
    assert any("nose" in note for note in laid_out({"pack.py": "", "tests/test_a.py": "from nose.tools import eq_\n"}).notes)


def test_what_hides_single_outcomes_is_switched_off_and_nothing_else() -> None:
    found = laid_out({**SRC, "tox.ini": "[pytest]\naddopts = -x -n auto --cov=pack -ra\n"})
    assert found.arguments[:4] == ("--rootdir", ".", "-c", "tox.ini")
    assert {"--maxfail=0", "--no-cov", "--continue-on-collection-errors"} <= set(found.arguments)
    assert found.arguments[found.arguments.index("-n") + 1] == "0"
    plain = laid_out({**SRC, "tox.ini": "[pytest]\naddopts = -ra\n"})
    assert not {"--maxfail=0", "--no-cov", "-n"} & set(plain.arguments)


def test_options_of_plugins_that_are_not_there_are_taken_out() -> None:
    found = laid_out({**SRC, "pytest.ini": "[pytest]\naddopts = --pycodestyle --cov=pack -ra\n"})
    assert arguments_for(found, {"pytest", "pytest-cov", "pytest_pycodestyle"}) == found.arguments
    without = arguments_for(found, {"pytest"})
    assert without[-2:] == ("-o", "addopts=-ra")
    assert "--no-cov" not in without


def test_the_first_settings_that_pytest_would_read_are_read() -> None:
    files = {**SRC, "setup.cfg": "[tool:pytest]\n", "tox.ini": "[pytest]\n", "pyproject.toml": "[tool.pytest.ini_options]\nminversion = '7'\n"}
    assert "pyproject.toml" in laid_out(files).arguments
    assert "pytest.ini" in laid_out({**files, "pytest.ini": ""}).arguments
    assert "tox.ini" in laid_out({**files, "pyproject.toml": "[project]\nname = 'pack'\n"}).arguments


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"pyproject.toml": '[project]\nname = "pack"\nversion = "1.2"\n'}, "1.2"),
        ({"setup.cfg": "[metadata]\nname = pack\nversion = attr: pack.__version__\n", "pack/__init__.py": "__version__ = '3.0rc1'\n"}, "3.0rc1"),
        ({"setup.cfg": "[metadata]\nname = pack\nversion = file: VERSION\n", "VERSION": "4.1\n"}, "4.1"),
        ({"setup.py": "V = '5.0'\nsetup(name='pack', version=V)\n"}, "5.0"),
        ({"setup.py": "setup(name='pack', version=compute())\n", "PKG-INFO": "Name: pack\nVersion: 6.0\n\nVersion: 7\n"}, "6.0"),
        ({"pyproject.toml": '[project]\nname = "pack"\n[tool.hatch.version]\npath = "pack/about.py"\n', "pack/about.py": '__version__ = "8"\n'}, "8"),
        ({"pyproject.toml": '[project]\nname = "pack"\ndynamic = ["version"]\n', "pack/__init__.py": '__version__ = "9.9"\n'}, "9.9"),
        ({"pyproject.toml": '[project]\nname = "pack"\nversion = "../../x"\n'}, "0"),
    ],
)
def test_version(files: dict[str, str], version: str) -> None:
    assert laid_out(files).version == version


def test_a_tag_says_the_version_where_no_file_does() -> None:
    assert laid_out({"pyproject.toml": '[project]\nname = "pack"\n'}, tag="v1.4.2").version == "1.4.2"


def test_a_name_that_could_leave_its_folder_is_none() -> None:
    assert laid_out({"pyproject.toml": '[project]\nname = "../../../etc"\n'}).name == ""


@pytest.mark.parametrize(
    "settings",
    [
        '[tool.setuptools_scm]\nversion_file = "src/pack/_version.py"\n',
        '[tool.hatch.build.hooks.vcs]\nversion-file = "src/pack/_version.py"\n',
        '[tool.pdm.version]\nwrite_to = "src/pack/_version.py"\n',
    ],
)
def test_a_version_file_that_a_build_writes_is_stood_in_for(settings: str) -> None:
    files = {**SRC, "pyproject.toml": f'[project]\nname = "pack"\n{settings}', "PKG-INFO": "Version: 2.3.1\n"}
    (change,) = laid_out(files).generated
    told: dict[str, object] = {}
    exec(change.text or "", told)
    assert (change.path, told["__version__"], told["version"], told["version_tuple"]) == ("src/pack/_version.py", "2.3.1", "2.3.1", (2, 3, 1))
    assert laid_out({**files, "src/pack/_version.py": ""}).generated == ()


def test_a_version_file_is_never_outside() -> None:
    for path in ("../x.py", "/etc/x.py", "a/../../x.py"):
        assert laid_out({**SRC, "pyproject.toml": f'[tool.setuptools_scm]\nversion_file = "{path}"\n'}).generated == ()


def test_entry_points_of_every_kind() -> None:
    new = laid_out({"pyproject.toml": '[project]\nname = "p"\n[project.scripts]\nrun = "p:main"\n[project.entry-points.pytest11]\np = "p.plugin"\n'})
    assert new.entry_points == "[console_scripts]\nrun = p:main\n\n[pytest11]\np = p.plugin\n\n"
    assert (
        laid_out({"setup.py": "setup(name='p', entry_points={'console_scripts': ['run = p:main']})"}).entry_points
        == "[console_scripts]\nrun = p:main\n\n"
    )
    cfg = laid_out({"setup.cfg": "[options.entry_points]\nconsole_scripts =\n    run = p:main\n"})
    assert cfg.entry_points == "[console_scripts]\nrun = p:main\n\n"


def test_what_steers_the_tests_is_locked() -> None:
    files = {
        **SRC,
        "pytest.ini": "[pytest]\naddopts = -p tests.helper\n",
        "conftest.py": "pytest_plugins = ['tests.plugins.one', 'pack.fixtures']\n",
        "tests/helper.py": "",
        "tests/plugins/one.py": "",
        "src/pack/fixtures.py": "",
        "tests/sub/conftest.py": "",
    }
    assert locked(tuple(files), files.get) == {"pytest.ini", "conftest.py", "tests/sub/conftest.py", "tests/helper.py", "tests/plugins/one.py"}
    found = laid_out(files)
    assert found.plugins == ("src/pack/fixtures.py",)
    assert any("src/pack/fixtures.py" in note for note in found.notes)


def test_a_package_that_is_a_plugin_is_said_to_be_one() -> None:
    files = {
        "src/mock_it/plugin.py": "",
        "tests/test_a.py": "",
        "pyproject.toml": '[project]\nname = "x"\n[project.entry-points.pytest11]\nx = "mock_it.plugin"\n',
    }
    assert laid_out(files).plugins == ("src/mock_it/plugin.py",)


@pytest.mark.parametrize("backend", ["maturin", "mesonpy", "scikit_build_core.build"])
def test_a_package_that_must_be_compiled_is_told(backend: str) -> None:
    assert backend in laid_out({**SRC, "pyproject.toml": f'[build-system]\nbuild-backend = "{backend}"\n'}).compiled


def test_compiled_parts_are_noted() -> None:
    found = laid_out({**SRC, "src/pack/_fast.c": "", "setup.py": "setup(ext_modules=[Extension('pack._fast', ['src/pack/_fast.c'])])"})
    assert found.compiled == ""
    assert any("src/pack/_fast.c" in note for note in found.notes)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pyproject.toml", "[project\n"),
        ("pyproject.toml", "project = 3\ntool = []\n"),
        (
            "pyproject.toml",
            "[project]\nname = 5\nversion = []\ndependencies = {a = 1}\nscripts = 'x'\n[tool]\npytest = 4\nsetuptools = 'x'\nhatch = 1\n",
        ),
        ("pyproject.toml", '[tool.pytest.ini_options]\naddopts = "-k \'open"\ntestpaths = 3\n'),
        ("pyproject.toml", "a = " + "[" * 5000),
        ("setup.cfg", "no section\n"),
        ("setup.cfg", "[metadata]\nversion = attr:\n[metadata]\n[options]\npackage_dir = = = =\n"),
        ("tox.ini", "\x00[pytest]"),
        ("setup.py", "def ("),
        ("setup.py", "setup(packages=3, package_dir=[1], entry_points=7, extras_require='x', name=None, version=1.0)"),
        ("setup.py", "x = " + "(" * 3000),
        ("setup.py", "setup(**{1: 2, 'name': ['x']}, install_requires={1, 2} + [3])"),
        ("PKG-INFO", ": : :\n\n"),
        ("pytest.ini", "[pytest\n"),
    ],
)
def test_broken_settings_are_notes_and_never_a_crash(path: str, text: str) -> None:
    found = laid_out({**SRC, path: text})
    assert found.tests == ("tests",)


@pytest.mark.parametrize("path", ["pyproject.toml", "setup.cfg", "setup.py", "tox.ini"])
def test_what_cannot_be_read_is_noted(path: str) -> None:
    assert any(path in note for note in laid_out({**SRC, path: "[broken ("}).notes)


@pytest.mark.parametrize(
    ("declared", "fitting", "unfitting"),
    [
        (">=3.8", (3, 11, 7), (3, 7, 9)),
        (">=3.8,<4", (3, 11, 7), (4, 0, 0)),
        (">= 2.7, !=3.0.*, !=3.1.*", (3, 11, 7), (3, 1, 2)),
        ("~=3.10", (3, 11, 0), (4, 0, 0)),
        ("~=3.10.1", (3, 10, 4), (3, 11, 0)),
        ("==3.11.*", (3, 11, 7), (3, 12, 0)),
        (">3.11", (3, 11, 1), (3, 11, 0)),
        ("<3.12", (3, 11, 9), (3, 12, 0)),
    ],
)
def test_python(declared: str, fitting: tuple[int, int, int], unfitting: tuple[int, int, int]) -> None:
    assert fits(declared, fitting)
    assert not fits(declared, unfitting)


@pytest.mark.parametrize("declared", ["", "nonsense", ">=x"])
def test_what_is_not_understood_refuses_no_python(declared: str) -> None:
    assert fits(declared, (3, 11, 0))


@pytest.mark.parametrize(
    ("poetry", "standard"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^1.2", ">=1.2,<2"),
        ("^1", ">=1,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0.0", ">=0.0,<0.1"),
        ("^0", ">=0,<1"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1.2", ">=1.2,<1.3"),
        ("~1", ">=1,<2"),
        ("~=1.2", "~=1.2"),
        ("*", ""),
        ("1.2.*", "==1.2.*"),
        ("1.2.3", "==1.2.3"),
        ("=1.2", "==1.2"),
        (">=1.2,<3", ">=1.2,<3"),
        (">=1.2 <3", ">=1.2,<3"),
        ("!=1.3", "!=1.3"),
        ("^3.0a1", ">=3.0a1,<4"),
        ("^1.0 || ^2.0", ">=1.0,<3"),
    ],
)
def test_versions_of_poetry(poetry: str, standard: str) -> None:
    assert poetry_versions(poetry) == standard
