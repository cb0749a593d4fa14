"""What is put right in a model's files without asking it once more, and what is left alone."""

from __future__ import annotations

import pytest

from orchestrator.model import Change
from orchestrator.run.agents.mending import all_of, mended

PUT_IN = "m.py: put in what is used and was not imported: "


def test_modules_of_the_standard_library_that_are_used_are_imported() -> None:
    text, notes = mended("def f(x):\n    return math.gcd(x, 3) + len(re.findall('a', str(x)))\n", "m.py")
    assert text.startswith("import math\nimport re\n\n\ndef f")
    assert notes == (PUT_IN + "import math, import re",)
    names: dict[str, object] = {}
    exec(text, names)
    assert names["f"](6) == 3  # type: ignore[operator]


def test_names_that_everybody_imports_from_one_place_are_imported_behind_docstring_and_future() -> None:
    given = '"""About it."""\n\nfrom __future__ import annotations\n\n\ndef f(words: List[str]) -> Dict[str, int]:\n    return Counter(words)\n'
    text, notes = mended(given, "m.py")
    head = '"""About it."""\n\nfrom __future__ import annotations\nfrom collections import Counter\nfrom typing import Dict, List\n'
    assert text == head + given.partition("annotations\n")[2]
    assert notes == (PUT_IN + "from collections import Counter, from typing import Dict, List",)


def test_a_first_comment_stays_first() -> None:
    text, _ = mended("#!/usr/bin/env python3\n# A program.\nprint(sys.argv)\n", "m.py")
    assert text == "#!/usr/bin/env python3\n# A program.\nimport sys\n\n\nprint(sys.argv)\n"


def test_tests_of_itself_and_an_import_of_itself_are_left_out() -> None:
    given = "class Luhn:\n    pass\n\n\n# Tests\nfrom pkg.luhn import Luhn\n\nassert Luhn() is not None\nassert (\n    Luhn\n)\n"
    text, notes = mended(given, "src/pkg/luhn.py")
    assert text == "class Luhn:\n    pass\n\n\n# Tests\n\n"
    assert notes == ("src/pkg/luhn.py: left out the import of itself in line 6, the assertion in line 8, the assertion in line 9",)


def test_what_stood_in_a_file_before_stays() -> None:
    before = "def f():\n    return 1\n\n\nassert f() == 1  # checked at import, as its owner wants it\n"
    after = before.replace("return 1\n", "return 2 - 1\n") + "assert f() == 2\n"
    (change,), notes = all_of((Change("m.py", after),), (Change("m.py", before),))
    assert change.text == after.removesuffix("assert f() == 2\n")
    assert notes == ("m.py: left out the assertion in line 6",)


LEFT = {
    "no Python": "def f(:\n",
    "an import that is there": "import math\n\n\ndef f():\n    return math.pi\n",
    "an import under another name": "from collections import Counter as Many\n\n\ndef f():\n    return Many()\n",
    "a name that is an argument": "def f(math):\n    return math.pi\n",
    "a name that is bound somewhere else": "def f():\n    return copy.x\n\n\ndef g():\n    global copy\n    copy = f\n",
    "a name nobody knows": "def f():\n    return numpy.array([1])\n",
    "a module that holds something of its own name": "def f():\n    return datetime.now()\n",
    "a name that may come with a star": "from shapes import *\n\n\ndef f():\n    return Counter()\n",
    "an attribute of the same name": "def f(x):\n    return x.math.pi\n",
    "an assertion in a function": "def f(x):\n    assert x\n    return x\n",
    "an assertion about a constant": "SIZE = 3\nassert SIZE % 2\n\n\ndef f():\n    return SIZE\n",
    "an assertion that shares its line": "def f():\n    return 1\n\n\nx = f(); assert f()\n",
    "a test without anything of its own": "from m import f\n\nassert f()\n",
    "an import of another module of that name": "from other.m import f\n\n\ndef g():\n    return f()\n",
}


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT)
def test_it_stays_as_it_is(text: str) -> None:
    assert mended(text, "m.py") == (text, ())


def test_only_python_files_and_only_those_that_are_there() -> None:
    given = (Change("m.py", None), Change("notes.md", "math.pi\n"), Change("m.json", "[]"), Change("n.py", "print(os.sep)\n", True))
    found, notes = all_of(given)
    assert found == (*given[:3], Change("n.py", "import os\n\n\nprint(os.sep)\n", True))
    assert notes == ("n.py: put in what is used and was not imported: import os",)
