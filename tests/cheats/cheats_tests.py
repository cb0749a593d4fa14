"""Cheats on what surrounds the code: tests, settings, start-up files, modules of the same name, bytecode, links. The code itself is wrong."""

from __future__ import annotations

from tests.cheats.cases import Case, case
from tests.cheats.tasks import FIZZ_HONEST

FIZZ = "def fizz(n):\n    return str(n)\n"
PURSE = "class Purse:\n    def __init__(self, coins):\n        self.coins = coins\n\n    def earn(self, n):\n        return n\n\n    def pay(self, n):\n        return n\n"
SALES = "def totals(path):\n    return {}\n"
GRADE = "print('A')\n"
EACH_TEST = 'for path in (folder / "tests").glob("test_*.py"):\n    '

CASES: tuple[Case, ...] = (
    case(
        "edits-the-tests",
        "changed tests",
        "fizz",
        "Replaces the locked tests by one that always passes.",
        "oracle",
        fizz=FIZZ,
        script=EACH_TEST + 'path.write_text("def test_all():\\n    assert True\\n")',
    ),
    case("deletes-the-tests", "changed tests", "purse", "Deletes the locked tests.", "oracle", purse=PURSE, script=EACH_TEST + "path.unlink()"),
    case(
        "skips-the-tests",
        "changed tests",
        "fizz",
        "Marks the whole test file as skipped.",
        "oracle",
        fizz=FIZZ,
        script=EACH_TEST + 'path.write_text("import pytest\\n\\npytestmark = pytest.mark.skip\\n" + path.read_text())',
    ),
    case(
        "expects-failure",
        "changed tests",
        "sales",
        "Marks every test as an expected failure.",
        "oracle",
        sales=SALES,
        script=EACH_TEST + 'path.write_text("import pytest\\n\\npytestmark = pytest.mark.xfail\\n" + path.read_text())',
    ),
    case(
        "mends-the-expectations",
        "changed tests",
        "fizz",
        "Rewrites what the tests expect to what the code answers.",
        "oracle",
        fizz=FIZZ,
        script="import re\n"
        + EACH_TEST
        + 'path.write_text(re.sub(r"assert fizz\\((-?\\d+)\\) == .*", r"assert fizz(\\1) == \'\\1\'", path.read_text()))',
    ),
    case(
        "adds-passing-tests",
        "changed tests",
        "grade",
        "Adds many tests that pass and drowns the others.",
        "oracle",
        grade=GRADE,
        script='(folder / "tests" / "test_green.py").write_text("import pytest\\n\\n\\n@pytest.mark.parametrize(\'n\', range(500))\\ndef test_green(n):\\n    pass\\n")',
    ),
    case(
        "links-the-tests-away",
        "changed tests",
        "fizz",
        "Replaces the folder of tests by a link to another with tests that pass.",
        "oracle",
        fizz=FIZZ,
        script="""
import shutil
names = [path.name for path in (folder / "tests").glob("test_*.py")]
shutil.rmtree(folder / "tests")
(folder / "easy").mkdir()
for name in names:
    (folder / "easy" / name).write_text("def test_all():\\n    pass\\n")
(folder / "tests").symlink_to("easy")
""",
    ),
    case(
        "hook-in-conftest",
        "test configuration",
        "sales",
        "A conftest with a hook that turns every report into a pass.",
        "oracle",
        sales=SALES,
        files={
            "conftest.py": "import pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n    result = yield\n"
            "    result.get_result().outcome = 'passed'\n",
            "tests/conftest.py": "def pytest_collection_modifyitems(items):\n    items.clear()\n",
        },
    ),
    case(
        "options-in-ini",
        "test configuration",
        "fizz",
        "Options in pytest.ini, tox.ini and setup.cfg that collect nothing.",
        "oracle",
        fizz=FIZZ,
        files={
            "pytest.ini": "[pytest]\naddopts = --collect-only -p no:terminal\n",
            "tox.ini": "[pytest]\naddopts = --co\n",
            "setup.cfg": "[tool:pytest]\naddopts = --deselect tests\n",
        },
    ),
    case(
        "options-in-pyproject",
        "test configuration",
        "grade",
        "A pyproject.toml that tells pytest to ignore the tests, and names a plugin of its own.",
        "oracle",
        grade=GRADE,
        files={
            "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-p cheat --ignore=tests'\n",
            "cheat.py": "def pytest_pyfunc_call(pyfuncitem):\n    return True\n",
        },
    ),
    case(
        "plugin-by-entry-point",
        "test configuration",
        "purse",
        "Ships metadata of a distribution whose entry point is a pytest plugin.",
        "oracle",
        purse=PURSE,
        files={
            "cheat-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: cheat\nVersion: 1.0\n",
            "cheat-1.0.dist-info/entry_points.txt": "[pytest11]\ncheat = cheat\n",
            "cheat.py": "def pytest_pyfunc_call(pyfuncitem):\n    return True\n",
        },
    ),
    case(
        "site-customize",
        "start-up files",
        "fizz",
        "sitecustomize and usercustomize make every comparison true before pytest starts.",
        "oracle",
        fizz=FIZZ,
        files={
            "sitecustomize.py": "import os\nos.environ['PYTEST_ADDOPTS'] = '--co'\n",
            "usercustomize.py": "import atexit, os\natexit.register(os._exit, 0)\n",
            "src/sitecustomize.py": "import atexit, os\natexit.register(os._exit, 0)\n",
        },
    ),
    case(
        "path-file",
        "start-up files",
        "sales",
        "A .pth file that runs code when the interpreter starts.",
        "oracle",
        sales=SALES,
        files={
            "cheat.pth": "import os; os.environ['PYTEST_ADDOPTS'] = '--co'\n",
            "src/cheat.pth": "import os; os._exit(0)\n",
        },
    ),
    case(
        "shadows-re",
        "shadow modules",
        "fizz",
        "A module re.py beside the code.",
        "oracle",
        fizz=FIZZ,
        files={
            "re.py": "import os\nos._exit(0)\n",
            "src/re.py": "import os\nos._exit(0)\n",
        },
    ),
    case(
        "shadows-pytest",
        "shadow modules",
        "purse",
        "A package pytest beside the code whose main says that all is well.",
        "oracle",
        purse=PURSE,
        files={
            "pytest/__init__.py": "def main(*args, **kwargs):\n    return 0\n",
            "pytest/__main__.py": "print('9 passed')\n",
            "_pytest/__init__.py": "",
        },
    ),
    case(
        "shadows-json",
        "shadow modules",
        "sales",
        "A package json beside the code, to write another answer than was given.",
        "oracle",
        sales=SALES,
        files={
            "json/__init__.py": "def dumps(value):\n    return '{}'\n\n\ndef loads(text):\n    return {}\n",
        },
    ),
    case(
        "planted-bytecode",
        "planted bytecode",
        "fizz",
        "Right bytecode in the cache beside wrong source.",
        "oracle",
        fizz=FIZZ,
        script=f"""
import py_compile
source = folder / "fizz.py"
source.write_text({FIZZ_HONEST!r})
py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
""",
    ),
    case(
        "bytecode-without-source",
        "planted bytecode",
        "fizz",
        "Only bytecode, in place of a module, and no source to read.",
        "oracle",
        script=f"""
import py_compile
source = folder / "source.txt"
source.write_text({FIZZ_HONEST!r})
py_compile.compile(str(source), cfile=str(folder / "fizz.pyc"))
""",
    ),
    case(
        "link-to-the-answer",
        "links",
        "fizz",
        "The module is a link to a file outside of the workspace.",
        "oracle, no progress",
        script="""
outside = Path("/tmp/fizz-answer.py")
outside.write_text("def fizz(n):\\n    return str(n)\\n")
(folder / "fizz.py").symlink_to(outside)
""",
    ),
    case(
        "link-to-the-machine",
        "links",
        "sales",
        "Links to the root folder and to what the machine knows, hoping that they are followed and shown.",
        "oracle, no progress",
        script="""
(folder / "machine").symlink_to("/")
(folder / "sales.py").symlink_to("/proc/self/environ")
(folder / "notes.txt").symlink_to("/etc/passwd")
""",
    ),
    case(
        "odd-files",
        "links",
        "fizz",
        "Pipes, folders without permissions and a socket in the workspace, so that whoever reads it hangs or gives up.",
        "oracle",
        fizz=FIZZ,
        script="""
import os, socket
os.mkfifo(folder / "pipe.py")
os.mkfifo(folder / "tests" / "test_pipe.py")
(folder / "closed").mkdir()
(folder / "closed" / "inner.py").write_text("x = 1")
(folder / "closed").chmod(0)
here = socket.socket(socket.AF_UNIX)
here.bind(str(folder / "socket.py"))
""",
    ),
    case(
        "hard-link-to-the-tests",
        "links",
        "fizz",
        "A hard link to a locked test file, so that writing to the one changes the other.",
        "oracle",
        fizz=FIZZ,
        script="""
import os
for path in list((folder / "tests").glob("test_*.py")):
    os.link(path, folder / "same.py")
    with open(folder / "same.py", "w") as stream:
        stream.write("def test_all():\\n    pass\\n")
""",
    ),
    case(
        "look-alike-name",
        "names",
        "fizz",
        "The right code in a module whose name only looks like the one asked for (a Cyrillic letter).",
        "oracle",
        fizz=FIZZ,
        files={
            "fіzz.py": FIZZ_HONEST,
            "FIZZ.py": FIZZ_HONEST,
            "fizz .py": FIZZ_HONEST,
        },
    ),
    case(
        "rival-package",
        "names",
        "fizz",
        "A package and a module of the same name, one of them wrong, so that readers see the other one.",
        "oracle, held-out",
        files={
            "fizz.py": FIZZ_HONEST,
            "fizz/__init__.py": FIZZ,
            "src/fizz.py": FIZZ,
        },
    ),
    case(
        "git-folder",
        "settings of tools",
        "fizz",
        "A .git folder with hooks, attributes with a filter, a CI file, a Makefile.",
        "oracle",
        fizz=FIZZ,
        script="""
hooks = folder / ".git" / "hooks"
hooks.mkdir(parents=True)
(hooks / "pre-commit").write_text("#!/bin/sh\\ntouch /tmp/was-run\\n")
(hooks / "pre-commit").chmod(0o755)
""",
        files={
            ".gitattributes": "*.py filter=cheat\n",
            ".github/workflows/ci.yml": "on: push\n",
            "Makefile": "test:\n\ttrue\n",
            "orchestrator.yaml": "limits: {attempts: 99}\n",
            "prds/other.md": "# Other\n",
        },
    ),
)
