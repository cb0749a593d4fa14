"""A built site is whole and safe, and what is not is found: by `orchestrator site check` and in these tests by its module."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.show.build.soundness import Fault, Page, faults
from tests.conftest import Workplace


@pytest.mark.parametrize("which", ["library_site", "hostile_site"])
def test_a_site_is_whole_and_safe(which: str, request: pytest.FixtureRequest) -> None:
    site: Path = request.getfixturevalue(which)
    assert list(faults(site)) == []
    assert len(list(site.rglob("*.html"))) > 30


POLICY = "<!doctype html><html><head><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'self'\"><title>x</title>"

WRONG = {
    '<a href="gone.html">x</a>': "gone.html leads to nothing",
    '<a href="index.html#gone">x</a>': "index.html#gone leads to a place that is not in that page",
    '<a href="../outside.html">x</a>': "../outside.html leads to nothing",
    '<a href="https://example.org/">x</a>': "a link to https://example.org/ that names its opener",
    '<a href="javascript:alert(1)">x</a>': "a link to javascript:alert(1)",
    '<a href="//example.org/">x</a>': "a link to //example.org/",
    '<a href="data:text/html,x">x</a>': "a link to data:text/html,x",
    '<img src="https://example.org/x.png">': "it loads https://example.org/x.png",
    '<link rel="stylesheet" href="//example.org/x.css">': "it loads //example.org/x.css",
    "<script>document.title = 1</script>": "an inline script that its policy does not name",
    '<p onclick="x()">x</p>': "the attribute onclick of <p>",
    '<p style="color: red">x</p>': "the attribute style of <p>",
    '<img src="gone.png">': "gone.png leads to nothing",
}


@pytest.mark.parametrize("body", WRONG)
def test_what_is_wrong_is_named_with_its_page(body: str, tmp_path: Path) -> None:
    (tmp_path / "outside.html").write_text("x")
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text(f"{POLICY}<body>{body}")
    assert list(faults(site)) == [Fault("index.html", WRONG[body])]


@pytest.mark.parametrize(
    "html",
    [
        "<!doctype html><html><head><title>x</title>",
        POLICY.replace("<meta", "<title>y</title><meta"),
        POLICY.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'"),
        POLICY.replace("default-src 'none'", "default-src *"),
    ],
)
def test_a_page_without_a_strict_policy_at_its_beginning_is_found(html: str) -> None:
    assert [what for what in Page(html).wrong if "content security policy" in what]


def test_the_command_says_what_it_found(place: Workplace) -> None:
    nothing = place.command("site", "check")
    assert nothing.returncode == 2
    assert "holds no site" in nothing.stderr
    assert place.command("site", "build").returncode == 0
    fine = place.command("site", "check")
    assert (fine.returncode, fine.stderr) == (0, "")
    assert "pages, nothing wrong" in fine.stdout
    shutil.move(place.root / "site" / "guide" / "proof.html", place.root / "proof.html")
    broken = place.command("site", "check")
    assert broken.returncode == 1
    assert "guide/verdicts.html: proof.html leads to nothing" in broken.stderr
