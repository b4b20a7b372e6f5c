"""A small signed Debian archive on disk, and a checkout with recipes that use it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from scs_build.inputs.deb.keys import fingerprint

SERIES = """\
format: 1
name: "2026.1"
released: "2026-04-01"
debian: {release: testing, suites: [testing]}
python: {version: "3.13", manylinux: "2_41", prefix: /venv}
constraints: constraints.txt
"""
SCAFFOLD = "format: 1\nkind: scaffold\ndescription: What packages are installed on, for tests\n"
IMAGE = "format: 1\nkind: container\ndescription: An image for tests of locking\n"


class Archive:
    """Packages are added by name; `publish` writes and signs the index."""

    def __init__(self, root: Path) -> None:
        self.root = root / "archive"
        self.home = root / "gnupg"
        self.home.mkdir(mode=0o700, parents=True)
        self.stanzas: dict[str, str] = {}
        self.published = 0
        self._gpg("--quick-generate-key", "Archive <archive@example.org>", "ed25519", "sign", "never")

    def _gpg(self, *args: str) -> bytes:
        base = ["gpg", "--homedir", str(self.home), "--batch", "--yes", "--passphrase", ""]
        return subprocess.run([*base, *args], check=True, capture_output=True).stdout

    def stop(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=True)

    def write_keys(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "test.asc").write_bytes(self._gpg("--armor", "--export"))
        key = {"file": "test.asc", "release": "testing", "archive": "debian"}
        pinned = {"fingerprint": fingerprint(folder / "test.asc")}
        (folder / "keys.json").write_text(json.dumps({"format": 1, "keys": [key | pinned]}))

    def put(self, name: str, version: str = "1", **fields: str) -> None:
        digest = hashlib.sha256(f"{name} {version}".encode()).hexdigest()
        lines = {
            "Package": name, "Version": version, "Architecture": "amd64", "Maintainer": "T <t@example.org>",
            **{key.replace("_", "-"): value for key, value in fields.items()},
            "Filename": f"pool/main/{name}_{version}_amd64.deb", "Size": "9", "SHA256": digest,
            "Description": "t",
        }  # fmt: skip
        self.stanzas[name] = "".join(f"{key}: {value}\n" for key, value in lines.items())

    def publish(self) -> None:
        suite = self.root / "dists" / "testing"
        shutil.rmtree(suite, ignore_errors=True)
        index = suite / "main" / "binary-amd64" / "Packages"
        index.parent.mkdir(parents=True)
        index.write_text("\n".join(self.stanzas.values()))
        data = index.read_bytes()
        (suite / "Release").write_text(
            "Origin: Debian\nLabel: Debian\nSuite: testing\nCodename: testing\nArchitectures: amd64\n"
            "Components: main\nDate: Wed, 01 Apr 2026 00:00:00 UTC\n"
            f"SHA256:\n {hashlib.sha256(data).hexdigest()} {len(data)} main/binary-amd64/Packages\n"
        )
        self._gpg("--clearsign", "-o", str(suite / "InRelease"), str(suite / "Release"))
        # Times of files go over the wire in whole seconds: apt is told of an index that was published in the
        # second of the one before that it has it already.
        self.published = max(self.published + 1, int(time.time()))
        for path in (index, suite / "InRelease"):
            os.utime(path, (self.published, self.published))


def checkout(root: Path, archive: Archive, **recipes: str) -> Path:
    """Write a checkout with a scaffold and the recipes, each given as the lines after its description."""
    series = root / "images" / "series" / "2026.1"
    series.mkdir(parents=True, exist_ok=True)
    (series / "series.yaml").write_text(SERIES)
    (series / "constraints.txt").write_text("")
    archive.write_keys(series.parent / "keys")
    texts = {"scaffold": SCAFFOLD, **{name: IMAGE + body for name, body in recipes.items()}}
    for name, text in texts.items():
        folder = root / "images" / "bases" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "recipe.yaml").write_text(text)
    return root
