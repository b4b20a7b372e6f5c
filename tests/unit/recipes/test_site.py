from __future__ import annotations

from pathlib import Path

import pytest

from scs_build.errors import FormatError, Location, SiteError
from scs_build.recipes import site_file
from scs_build.recipes.site import Site, load_site


@pytest.fixture(autouse=True)
def _no_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCS_BUILD_SITE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(site_file, "SYSTEM_FILE", tmp_path / "etc" / "site.yaml")


def write(path: Path, host: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"format: 1\ndebian: [https://{host}.example.org/debian/]\n")
    return path


def test_without_a_file_the_site_is_empty() -> None:
    assert load_site(None) == Site()
    assert Site().debian == ()


def test_the_nearest_file_applies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "etc" / "site.yaml", "machine")
    assert load_site().debian == ("https://machine.example.org/debian",)
    write(tmp_path / "config" / "scs-build" / "site.yaml", "user")
    assert load_site().debian == ("https://user.example.org/debian",)
    monkeypatch.setenv("SCS_BUILD_SITE", str(write(tmp_path / "named.yaml", "named")))
    assert load_site().debian == ("https://named.example.org/debian",)
    assert load_site(write(tmp_path / "own.yaml", "given")).debian == ("https://given.example.org/debian",)


def test_a_named_file_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCS_BUILD_SITE", str(tmp_path / "none.yaml"))
    with pytest.raises(SiteError, match="no such file"):
        load_site()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("debian: [mirror.example.org]", "is not a URL that begins with"),
        ("debian: ['https://']", "is not a URL that begins with"),
        ("debian: [https://me:secret@example.org/]", "~/.netrc"),
        ("debian: https://example.org/", "must be a list"),
        ("debain: [https://example.org/]", "there is no field `debain`"),
        ("registries: {'https://example.org': {}}", "the host of a registry"),
        ("registries: {example.org: {ca: own.pem}}", "an absolute path"),
        ("registries: {example.org: {ca: /own.pem, plain_http: true}}", "only one of"),
        ("registries: {example.org: {plain_http: 1}}", "true or false"),
    ],
)
def test_a_wrong_line_is_a_site_error_at_its_place(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(f"format: 1\n{line}\n")
    with pytest.raises(SiteError) as caught:
        load_site(path)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.where is not None
    assert (caught.value.where.path, caught.value.where.line) == (str(path), 2)


def test_a_newer_format_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("format: 9\n")
    with pytest.raises(FormatError) as caught:
        load_site(path)
    assert caught.value.where == Location(str(path), 1, 9)


def test_a_site_may_point_at_files(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("python: [file:///srv/simple/]\n")
    assert load_site(path).python == ("file:///srv/simple",)


def test_a_site_may_say_how_registries_are_reached(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        'registries:\n  registry.example.org: {ca: /etc/own.pem}\n  "localhost:5000": {plain_http: true}\n'
    )
    found = load_site(path).registries
    assert found["registry.example.org"].ca == "/etc/own.pem"
    assert found["localhost:5000"].plain_http


def test_a_site_says_what_stands_in_the_place_of_an_upstreams_url(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        "format: 1\nrewrite:\n"
        "  https://git.example.org/: [https://mirror.example.org/git/, 'file:///srv/git']\n"
        "  https://git.example.org/special: [https://special.example.org]\n"
        "  ssh://git@example.org: [https://mirror.example.org/ssh]\n"
    )
    site = load_site(path)
    assert site.places("https://git.example.org/a/b.tar") == (
        "https://mirror.example.org/git/a/b.tar", "file:///srv/git/a/b.tar",
    )  # fmt: skip
    assert site.places("https://git.example.org/special/x") == ("https://special.example.org/x",)
    assert site.places("https://git.example.org/specialist") == (
        "https://mirror.example.org/git/specialist", "file:///srv/git/specialist",
    )  # fmt: skip
    assert site.places("ssh://git@example.org/x") == ("https://mirror.example.org/ssh/x",)
    assert site.places("https://git.example.org.evil.org/x") == ("https://git.example.org.evil.org/x",)


@pytest.mark.parametrize("rule", ["git.example.org: [https://a.example.org]", "https://a.example.org: []"])
def test_a_wrong_rule_is_a_site_error(tmp_path: Path, rule: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(f"format: 1\nrewrite:\n  {rule}\n")
    with pytest.raises(SiteError) as caught:
        load_site(path)
    assert caught.value.where is not None and caught.value.where.line == 3
