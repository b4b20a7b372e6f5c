"""The artefacts of the canary images, packed from `sources/`: the same bytes for ever, not compressed."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

SOURCES = Path(__file__).parent / "sources"
TIME = 1577836800
CONTROL = """\
Package: {name}
Version: 1.0
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: a canary
"""


def artefacts() -> dict[str, bytes]:
    """Return every artefact by the name of its folder in `sources/`."""
    return {name: pack(SOURCES / name) for name, pack in PACKERS.items()}


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return content and mode of every file below a folder, by relative path, sorted."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes(),
            0o755 if path.stat().st_mode & 0o100 else 0o644,
        )
        for path in found
    }


def deb(folder: Path) -> bytes:
    """Pack a Debian package; its first program also has a second name and a link."""
    data = files(folder)
    sums = "".join(f"{hashlib.md5(content).hexdigest()}  {path}\n" for path, (content, _) in data.items())
    control = {
        "control": (CONTROL.format(name=folder.name).encode(), 0o644),
        "md5sums": (sums.encode(), 0o644),
    }
    first = next(path for path in data if path.startswith("usr/"))
    tars = {"control.tar": _tar("./", control), "data.tar": _tar("./", data, twice=first)}
    return _ar({"debian-binary": b"2.0\n", **tars})


def wheel(folder: Path) -> bytes:
    """Pack a wheel."""
    content = files(folder)
    info = next(path.partition("/")[0] for path in content if ".dist-info/" in path)
    rows = [f"{path},sha256={_base64(data)},{len(data)}\n" for path, (data, _) in content.items()]
    content[f"{info}/RECORD"] = ("".join([*rows, f"{info}/RECORD,,\n"]).encode(), 0o644)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, (data, mode) in content.items():
            member = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, (0o100000 | mode) << 16
            archive.writestr(member, data)
    return stream.getvalue()


def sdist(folder: Path) -> bytes:
    """Pack a source distribution."""
    return _gzip(_tar(f"{folder.name}-1.0/", files(folder)))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def _tar(top: str, content: Mapping[str, tuple[bytes, int]], twice: str = "") -> bytes:
    """Write folders and files, all of root and of one time; `twice` gets a second name and a link."""
    stream = io.BytesIO()
    folders = {parent for path in content for parent in map(str, Path(path).parents)} - {"."}
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in ("", *sorted(folders)):
            archive.addfile(_member(f"{top}{path}", 0o755, tarfile.DIRTYPE))
        for path, (data, mode) in content.items():
            archive.addfile(_member(f"{top}{path}", mode, size=len(data)), io.BytesIO(data))
        if twice:
            same = _member(f"{top}{twice}.same", content[twice][1], tarfile.LNKTYPE)
            link = _member(f"{top}{twice}.link", 0o777, tarfile.SYMTYPE)
            same.linkname, link.linkname = f"{top}{twice}", Path(twice).name
            archive.addfile(same)
            archive.addfile(link)
    return stream.getvalue()


def _member(path: str, mode: int, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.mode, member.type, member.size, member.mtime = mode, kind, size, TIME
    return member


def _gzip(data: bytes) -> bytes:
    """Wrap data as gzip does, in blocks that are stored: a compressor of another version has no say."""
    blocks = [data[at : at + 0xFFFF] for at in range(0, len(data), 0xFFFF)]
    stored = (
        struct.pack("<BHH", block is blocks[-1], len(block), len(block) ^ 0xFFFF) + block for block in blocks
    )
    ends = struct.pack("<II", zlib.crc32(data), len(data))
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + b"".join(stored) + ends


def _ar(members: Mapping[str, bytes]) -> bytes:
    data = b"!<arch>\n"
    for name, content in members.items():
        data += f"{name:<16}{TIME:<12}{0:<6}{0:<6}{0o100644:<8o}{len(content):<10}`\n".encode()
        data += content + b"\n" * (len(content) % 2)
    return data


PACKERS: dict[str, Callable[[Path], bytes]] = {
    "canary-plain": deb, "python3-canary": deb, "canary_backend": wheel, "canary_pure": wheel,
    "canary_native": sdist,
}  # fmt: skip
