"""A small checkout with real artefacts (two .deb files, two wheels) and an image made of them by hand."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from scs_build.evidence.subject import Subject
from scs_build.inputs.artefact import Artefact, Role
from scs_build.locks.files import lock_path, write_lock
from scs_build.locks.models import Lock
from scs_build.oci.entry import Entry
from scs_build.oci.image import ImageConfig, write_image
from scs_build.oci.layer import write_layer
from scs_build.plan.graph import Graph
from scs_build.recipes.catalogue import Catalogue
from scs_build.store.store import Store

SERIES, PLATFORM = "2026.1", "linux/amd64"
SITE = "opt/venv/lib/python3.13/site-packages"
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2026 Somebody
License: {licence}

License: {licence}
 See /usr/share/common-licenses/GPL-2.
"""
POLICY = """\
format: 1
free: [GPL-2.0-or-later, MIT, Apache-2.0]
names:
  Apache Software License: Apache-2.0
  Expat: MIT
"""
RECIPES = {
    "bases/tools": "kind: tools\ndescription: programs\ngroups: {core: [libc-bin]}\n",
    "bases/scaffold": "kind: scaffold\ndescription: a ground\ndebian: {packages: [apt]}\n",
    "bases/base": "kind: container\ndescription: a base\ndebian: {packages: [alpha, beta]}\n"
    "users:\n  somebody: {uid: 42400}\nuser: somebody\n",
    "iaas/app": "kind: container\ndescription: an application\nparent: base\npython: {requirements: [app]}\n"
    "files:\n  - {source: app.ini.j2, path: /etc/app/app.ini}\ndirectories:\n  /var/lib/app: somebody\n"
    "links:\n  /usr/bin/app: /opt/venv/bin/app\n",
}
PATHS = """\
format: 1
generated:
  - {path: /etc/passwd, by: base-passwd, layer: system, reason: users of Debian and of the recipe}
  - {path: /etc/group, by: base-passwd, layer: system, reason: groups of Debian and of the recipe}
  - {path: /etc/alpha.cache, by: alpha, reason: a cache that alpha makes when it is installed}
  - {path: "/**/*.dist-info/RECORD", by: uv, reason: list of the installed files with their hashes}
  - {path: /opt/venv/bin/*, by: uv, reason: programs made from entry points}
  - {path: /etc/ssl/certs/**, by: update-ca-certificates, reason: trusted authorities}
dropped:
  - {path: /usr/share/man/**, reason: manuals are read where people work}
"""
CERTIFICATE = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
RELEASE = b'ID=debian\nVERSION_ID="13"\nDEBIAN_VERSION_FULL=13.8\n'


def tar(entries: dict[str, bytes | str], modes: dict[str, int] | None = None) -> bytes:
    """Return a tar: bytes are files, `/` is a folder, other texts are links (`=` in front: hard ones)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        for name, content in entries.items():
            info = tarfile.TarInfo(f"./{name}")
            info.mode = (modes or {}).get(name, 0o755 if content == "/" else 0o644)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
                continue
            hard = content.startswith("=")
            info.type = tarfile.DIRTYPE if content == "/" else tarfile.LNKTYPE if hard else tarfile.SYMTYPE
            info.linkname = "" if content == "/" else f"./{content[1:]}" if hard else content
            archive.addfile(info)
    return stream.getvalue()


def deb(
    name: str, version: str, data: dict[str, bytes | str], *, depends: str = "", source: str = ""
) -> bytes:
    """Return a Debian package."""
    fields = {
        "Package": name, "Version": version, "Architecture": "amd64", "Maintainer": "Nobody <n@example.org>",
        "Source": source, "Depends": depends, "Homepage": "https://example.org/",
        "Description": f"{name} itself",
    }  # fmt: skip
    control = "".join(f"{key}: {value}\n" for key, value in fields.items() if value)
    sums = "".join(f"{hashlib.md5(c).hexdigest()}  {n}\n" for n, c in data.items() if isinstance(c, bytes))
    blob = b"!<arch>\n"
    for member, content in {
        "debian-binary": b"2.0\n",
        "control.tar.xz": tar({"control": control.encode(), "md5sums": sums.encode()}),
        "data.tar.xz": tar(data),
    }.items():
        blob += f"{member:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode() + content
        blob += b"\n" * (len(content) % 2)
    return blob


def wheel(files: dict[str, bytes]) -> bytes:
    """Return a wheel with these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100644 << 16
            archive.writestr(info, content)
    return stream.getvalue()


def metadata(name: str, version: str, *fields: str) -> bytes:
    """Return core metadata."""
    head = ("Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", f"Summary: {name} itself")
    return ("\n".join((*head, *fields)) + "\n").encode()


ALPHA: dict[str, bytes | str] = {
    "usr": "/",
    "usr/lib": "/",
    "usr/lib/os-release": RELEASE,
    "usr/lib/alpha.txt": b"alpha\n",
    "usr/lib/beside.txt": "=usr/lib/alpha.txt",
    "usr/lib/link.txt": "alpha.txt",
    "usr/share": "/",
    "usr/share/common-licenses/GPL-2": b"the text of the GPL\n",
    "usr/share/ca-certificates/one.crt": CERTIFICATE.format("one").encode(),
    "usr/share/ca-certificates/two.crt": CERTIFICATE.format("two").encode(),
    "usr/share/doc": "/",
    "usr/share/doc/alpha": "/",
    "usr/share/doc/alpha/copyright": COPYRIGHT.format(licence="GPL-2+").encode(),
    "usr/share/man/man1/alpha.1": b"a manual\n",
}
BETA: dict[str, bytes | str] = {"usr": "/", "usr/lib/beta.txt": b"beta\n", "usr/share/doc/beta": "alpha"}
APP = {
    "app/__init__.py": b"print('app')\n",
    "app-1.0.dist-info/METADATA": metadata(
        "app", "1.0", "License-Expression: MIT", "License-File: LICENSE", "Requires-Dist: dep[more]>=1"
    ),
    "app-1.0.dist-info/RECORD": b"as the wheel has it\n",
    "app-1.0.dist-info/entry_points.txt": b"[console_scripts]\napp = app:main\n",
    "app-1.0.dist-info/licenses/LICENSE": b"MIT License\n",
}
DEP = {
    "dep.py": b"DEP = 1\n",
    "dep-2.0.dist-info/METADATA": metadata(
        "dep", "2.0", "Classifier: License :: OSI Approved :: Apache Software License",
        "Requires-Dist: app; extra == 'more'", "Requires-Dist: absent; extra == 'less'",
    ),
    "dep-2.0.dist-info/RECORD": b"as the wheel has it\n",
    "dep-2.0.dist-info/LICENSE": b"Apache License, Version 2.0\n",
    "dep/_vendor/inner-3.0.dist-info/METADATA": metadata("inner", "3.0", "License: Expat"),
    "dep/_vendor/inner-3.0.dist-info/LICENSE": b"MIT License\n",
}  # fmt: skip


class Made:
    """The checkout, the store, and the image `app`; whatever is changed before `subject` is in it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "checkout"
        self.store = Store(root / "store")
        self.policy = POLICY
        self.alpha, self.beta = dict(ALPHA), dict(BETA)
        self.app, self.dep = dict(APP), dict(DEP)
        self.recipes = dict(RECIPES)
        self.paths = PATHS
        self.alpha_role: Role = "image"
        self.source = "alpha-src"
        self.inputs: tuple[Artefact, ...] = ()
        self.titles = ("packages of base", "venv of app", "files of app", "system of app")

    def write(self, path: str, text: str) -> None:
        """Write a file of the checkout."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def _artefact(
        self, kind: str, name: str, version: str, data: bytes, role: Role = "image", **more: Any
    ) -> Artefact:
        sha256 = self.store.add_bytes(data)
        return Artefact(kind, name, version, sha256, len(data), role, more)

    def _lock(self, place: str, *lines: Artefact) -> None:
        lock = Lock(place.rpartition("/")[2], SERIES, PLATFORM, lines)
        write_lock(lock_path(self.root / "images" / place, SERIES), lock)

    def graph(self) -> Graph:
        """Write the checkout and return its graph."""
        for place, recipe in self.recipes.items():
            self.write(f"images/{place}/recipe.yaml", f"format: 1\n{recipe}")
            self._lock(place)
        self.write("images/paths.yaml", self.paths)
        self.write("policy/licences.yaml", self.policy)
        self.write("images/iaas/app/files/app.ini.j2", "series = {{ series }}\n")
        self.write(
            f"images/series/{SERIES}/series.yaml",
            f'format: 1\nname: "{SERIES}"\nreleased: "2026-04-01"\n'
            "debian: {release: trixie, suites: [trixie]}\n"
            'python: {version: "3.13", manylinux: "2_41", prefix: /opt/venv}\n'
            "constraints: upper-constraints.txt\n",
        )
        self.write(f"images/series/{SERIES}/upper-constraints.txt", "")
        source = {
            "path": "pool/x.deb",
            "architecture": "amd64",
            "source": self.source,
            "source_version": "1:0.9-1",
        }
        self._lock("bases/tools", self._artefact("deb", "libc-bin", "2.41", b"tools", **source))
        alpha, beta = deb("alpha", "1.0", self.alpha), deb("beta", "1.1", self.beta)
        self._lock(
            "bases/base",
            self._artefact("deb", "alpha", "1.0", alpha, self.alpha_role, **source),
            self._artefact("deb", "beta", "1.1", beta, depends="alpha (>= 1)", **source),
        )
        self._lock(
            "iaas/app",
            self._artefact("wheel", "app", "1.0", wheel(self.app), file="app-1.0-py3-none-any.whl"),
            self._artefact("wheel", "dep", "2.0", wheel(self.dep), file="dep-2.0-py3-none-any.whl"),
            *self.inputs,
        )
        catalogue = Catalogue.load(self.root)
        return Graph(catalogue, catalogue.series(SERIES), PLATFORM)

    def subject(self, *changes: Entry, without: tuple[str, ...] = ()) -> Subject:
        """Return the image as an honest build makes it, with these entries changed, added or left out."""
        graph = self.graph()
        layers = self.layers(graph)
        for change in changes:
            place = next((layer for layer in layers if change.path in layer), layers[-1])
            place[change.path] = change
        for layer in layers:
            for path in without:
                layer.pop(path, None)
        return self.image(graph, [list(layer.values()) for layer in layers])

    def image(self, graph: Graph, layers: list[list[Entry]]) -> Subject:
        """Write an image of these layers, as the result of the plan's step."""
        made = [layer for entries in layers if (layer := write_layer(self.store, entries, 1))]
        config = ImageConfig(created="2026-04-01T00:00:00Z", user="42400:42400")
        image = write_image(self.store, config, made, [f"scs-build {title}" for title in self.titles])
        record = {
            "result": image.digest,
            "config": image.config_digest,
            "layers": [
                {"digest": x.digest, "diff_id": x.diff_id, "bytes": x.size, "unpacked": x.files} for x in made
            ],
            "uses": {"blobs": [], "trees": []},
        }
        self.store.put_record(graph.image("app").key, record)
        return Subject.of(graph, self.store, "app")

    def layers(self, graph: Graph) -> tuple[dict[str, Entry], ...]:
        """Return what an honest build would write, each layer by path."""
        packages = [entry for data in (self.alpha, self.beta) for entry in _unpacked(data)]
        for line in graph.lock("base").artefacts:
            packages += _status(self.store.blob(line.sha256).read_bytes(), line)
        packages.append(Entry("etc/alpha.cache", "file", 0o644, content=b"a cache\n"))
        bundle = "".join(CERTIFICATE.format(name) for name in ("one", "two"))
        packages += [
            Entry("etc/ssl/certs/ca-certificates.crt", "file", 0o644, content=bundle.encode()),
            Entry("etc/ssl/certs/one.pem", "link", 0o777, link="/usr/share/ca-certificates/one.crt"),
            Entry("etc/ssl/certs/abcdef.0", "link", 0o777, link="one.pem"),
        ]
        venv = [Entry(f"{SITE}/{n}", "file", 0o644, content=c) for n, c in (self.app | self.dep).items()]
        venv = [replace(e, content=b"as uv wrote it\n") if e.path.endswith("RECORD") else e for e in venv]
        venv.append(Entry("opt/venv/bin/app", "file", 0o755, content=b"#!/opt/venv/bin/python\n"))
        venv.append(Entry("opt/venv/bin/python", "link", 0o777, link="/usr/bin/python3.13"))
        venv.append(Entry(f"{SITE}/app/__pycache__/__init__.cpython-313.pyc", "file", 0o644, content=b"code"))
        files = [
            Entry("etc/app/app.ini", "file", 0o644, content=b"series = 2026.1\n"),
            Entry("var/lib/app", "dir", 0o750, 42400, 42400),
            Entry("usr/bin/app", "link", 0o777, link="/opt/venv/bin/app"),
        ]
        user = b"root:x:0:0:root:/root:/bin/bash\nsomebody:x:42400:42400::/nonexistent:/usr/sbin/nologin\n"
        system = [
            Entry("etc/passwd", "file", 0o644, content=user),
            Entry("etc/group", "file", 0o644, content=b"root:x:0:\nsomebody:x:42400:\n"),
        ]
        return tuple({e.path: e for e in entries} for entries in (packages, venv, files, system))


def _unpacked(data: dict[str, bytes | str]) -> list[Entry]:
    """Return the entries of a package's data without its manuals."""
    entries = []
    for path, content in data.items():
        if path.startswith("usr/share/man/"):
            continue
        if isinstance(content, bytes):
            entries.append(Entry(path, "file", 0o644, content=content))
        elif content == "/":
            entries.append(Entry(path, "dir", 0o755))
        elif content.startswith("="):
            entries.append(Entry(path, "hardlink", 0o644, link=content[1:]))
        else:
            entries.append(Entry(path, "link", 0o777, link=content))
    return entries


def _status(package: bytes, line: Artefact) -> list[Entry]:
    """Return the status of a package as distroless images have it."""
    from debian.debfile import DebFile

    archive = DebFile(fileobj=io.BytesIO(package))
    control = archive.control.get_content("control", encoding="utf-8").strip()
    first, _, rest = control.partition("\n")
    text = f"{first}\nStatus: install ok installed\n{rest}\n"
    base = f"var/lib/dpkg/status.d/{line.name}"
    sums = archive.control.get_content("md5sums")
    return [
        Entry(base, "file", 0o644, content=text.encode()),
        Entry(f"{base}.md5sums", "file", 0o644, content=sums),
    ]
