"""What holds for every file of the repository: no host names of registries, no places of one machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[3]

# Folders that every Linux machine has; anything else at the top is this machine's own.
STANDARD = {
    "bin", "boot", "builds", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root",
    "run", "sbin", "srv", "sys", "tmp", "usr", "var", "workspace",
}  # fmt: skip


def output(*argv: str, stdin: str = "") -> str:
    if not shutil.which(argv[0]):
        return ""
    return subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False).stdout


def hosts_in(text: str) -> set[str]:
    return {urlsplit(word).hostname or "" for word in re.findall(r"https?://[^\s,|\"']+", text)}


def uv_hosts() -> set[str]:
    """Return the hosts of the index that uv takes by default, and of the one configured here."""
    ask = (str(Path(sys.executable).with_name("uv")), "pip", "compile", "-", "--emit-index-url")
    return hosts_in(output(*ask, stdin="\n") + output(*ask, "--no-config", stdin="\n"))


def apt_hosts() -> set[str]:
    """Return the hosts of the package archives that apt uses here, and of the dated archives it knows."""
    sites = output("apt-get", "indextargets", "--format", "$(SITE)")
    return hosts_in(sites + output("apt-config", "dump", "Acquire::Snapshots"))


def go_hosts() -> set[str]:
    return hosts_in(output("go", "env", "GOPROXY"))


def machine_paths() -> set[str]:
    top = ROOT.parts[1]
    own = {f"{ROOT}/"} if len(ROOT.parts) > 2 else set()
    return own if top in STANDARD else own | {f"/{top}/"}


def repository_files() -> list[Path]:
    trust = f"safe.directory={ROOT}"  # CI checkouts often belong to somebody else
    argv = ["git", "-c", trust, "-C", str(ROOT), "ls-files", "-z"]
    listing = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return [path for name in listing.split("\0") if name and (path := ROOT / name).is_file()]


def findings(forbidden: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {word}"
        for path in repository_files()
        for content in [path.read_bytes()]
        for word in sorted(forbidden)
        if word.encode() in content
    ]


def test_no_file_names_a_registry() -> None:
    hosts = (uv_hosts() | apt_hosts() | go_hosts()) - {"", "localhost", "127.0.0.1"}
    assert hosts, "no tool told its registry"
    assert findings(hosts) == []


def test_no_file_names_a_place_of_this_machine() -> None:
    assert findings(machine_paths()) == []


def test_such_a_name_would_be_found() -> None:
    assert "pyproject.toml: [build-system]" in findings({"[build-system]"})


def test_rooms_import_only_rooms_before_them(tmp_path: Path) -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint, "--no-logo", "--cache-dir", str(tmp_path)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_every_pinned_requirement_has_a_hash() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text().replace("\\\n", " ")
        pins = [line for line in text.splitlines() if "==" in line and not line.lstrip().startswith("#")]
        assert pins and all("--hash=sha256:" in line for line in pins), path
