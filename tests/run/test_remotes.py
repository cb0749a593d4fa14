"""Addresses of other repositories: whose host they are on, and what of them may be shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.run import hosts, remote
from orchestrator.run.hosts import Place


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("https://github.com/acme/voice.git", Place("github.com", "acme/voice")),
        ("https://ann:s3cret@github.com/acme/voice", Place("github.com", "acme/voice")),
        ("git@github.com:acme/voice.git", Place("github.com", "acme/voice")),
        ("ssh://git@github.com:22/acme/voice.git/", Place("github.com", "acme/voice")),
        ("git@gitlab.example:group/team/voice.git", Place("gitlab.example", "group/team/voice")),
        ("https://gitlab.example:8443/group/voice", Place("gitlab.example:8443", "group/voice")),
        ("/srv/git/voice.git", None),
        ("file:///srv/git/voice.git", None),
        ("../voice", None),
        ("https://github.com/voice", None),
    ],
)
def test_the_place_of_an_address(address: str, place: Place | None) -> None:
    assert hosts.place(address) == place


@pytest.mark.parametrize(
    ("host", "configured", "kind"), [("github.com", "auto", "github"), ("git.example", "gitlab", "gitlab"), ("gitlab.x", "auto", "gitlab")]
)
def test_the_kind_of_a_host_is_in_its_name_or_configured(host: str, configured: str, kind: str) -> None:
    assert hosts.kind(Place(host, "a/b"), configured) == kind


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://ann:s3cret@host.example/a/b", "https://host.example/a/b"),
        ("https://s3cret@host.example:8443/a/b", "https://host.example:8443/a/b"),
        ("ssh://git:s3cret@host.example/a/b", "ssh://git@host.example/a/b"),
        ("git@host.example:a/b", "git@host.example:a/b"),
        ("/srv/a", "/srv/a"),
    ],
)
def test_no_password_of_an_address_is_shown(address: str, shown: str) -> None:
    assert remote.without_password(address) == shown


def test_what_a_prd_names_is_a_url_or_a_path_from_the_working_folder(tmp_path: Path) -> None:
    assert remote.of(".", tmp_path, 1).path == tmp_path.resolve()
    assert remote.of("../a", tmp_path, 1).address == str((tmp_path / "../a").resolve())
    assert remote.of("deploy@host.example:a/b.git", tmp_path, 1).path is None
    assert remote.of("file:///srv/a.git", tmp_path, 1).path == Path("/srv/a.git")
