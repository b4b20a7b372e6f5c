"""How a program was linked, read from its program headers and its dynamic section.

pyelftools reads the header. Its segments and tags are not used: for each file they read every section,
which takes ten times as long as all that is needed here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

# What fortified code never calls: glibc checks the format wherever these are called. Functions that copy are
# called as they are where the compiler can tell that the place is large enough, or cannot tell its size.
CHECKABLE = frozenset((b"printf", b"fprintf", b"vprintf", b"vfprintf", b"dprintf", b"vdprintf", b"syslog"))
_CHECKED = re.compile(rb"\0__\w+_chk\0")
# The numbers of program headers and tags by their names in elf.h.
_P = {
    "PT_LOAD": 1, "PT_DYNAMIC": 2, "PT_INTERP": 3, "PT_GNU_STACK": 0x6474E551, "PT_GNU_RELRO": 0x6474E552,
}  # fmt: skip
_D = {
    "DT_NEEDED": 1, "DT_STRTAB": 5, "DT_STRSZ": 10, "DT_SONAME": 14, "DT_RPATH": 15, "DT_TEXTREL": 22,
    "DT_BIND_NOW": 24, "DT_RUNPATH": 29, "DT_FLAGS": 30, "DT_FLAGS_1": 0x6FFFFFFB,
}  # fmt: skip
_WIDE = 64
_EXECUTE, _WRITE = 1, 2
_BIND_NOW, _NOW, _PIE = 0x8, 0x1, 0x08000000
# More than any program has; a damaged file may name any number.
MAX_HEADERS, MAX_TAGS, MAX_NAMES = 512, 4096, 64 << 20


def elf_facts(stream: IO[bytes]) -> dict[str, Any]:
    """Return how an ELF file was linked, as plain values.

    `program` (else a library), `pie`, `relro`, `bind_now`, `executable_stack`, `writable_code`,
    `library_path` (RPATH and RUNPATH), `loader`; and what its dynamic symbols show:
    `stack_protector`, `fortified`, `checkable` (it calls what fortified code never calls), all None where
    there are none. A file that cannot be read has only `broken`, one that is not linked yet only `object`.
    """
    from elftools.common.exceptions import ELFError

    try:
        return _facts(stream)
    # Of damaged files pyelftools raises many kinds.
    except (
        ELFError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error,
    ) as error:  # fmt: skip
        return {"broken": str(error) or type(error).__name__}


def _facts(stream: IO[bytes]) -> dict[str, Any]:
    from elftools.elf.elffile import ELFFile

    file = ELFFile(stream)
    kind = file.header["e_type"]
    if kind == "ET_REL":
        return {"object": True}
    if kind not in ("ET_EXEC", "ET_DYN"):
        raise ValueError(f"neither a program nor a library ({kind})")
    headers = list(_headers(file, stream))
    by_type = {header.type: header for header in reversed(headers)}
    dynamic, loader = by_type.get(_P["PT_DYNAMIC"]), by_type.get(_P["PT_INTERP"])
    tags = dict(_tags(file, stream, dynamic.offset)) if dynamic else {}
    names = _names(stream, headers, tags)
    pie = kind == "ET_DYN" and _is_program(tags, with_loader=loader is not None)
    return {
        "program": kind == "ET_EXEC" or pie,
        "pie": pie,
        "loader": _loader(stream, loader) if loader else "",
        **_memory(headers, tags),
        "library_path": _library_path(tags, names),
        # A static program has the functions themselves, under no name.
        **_symbols(names if _D["DT_NEEDED"] in tags else None),
    }


class _Header(NamedTuple):
    """A program header, in the order of a 64-bit file."""

    type: int
    flags: int
    offset: int
    address: int
    physical: int
    size: int
    memory: int
    align: int


def _headers(file: Any, stream: IO[bytes]) -> Iterator[_Header]:
    order, wide = "<" if file.little_endian else ">", file.elfclass == _WIDE
    form = struct.Struct(order + ("2I6Q" if wide else "8I"))
    start, step = file.header["e_phoff"], file.header["e_phentsize"]
    for number in range(min(file.num_segments(), MAX_HEADERS)):
        stream.seek(start + number * step)
        values = form.unpack(stream.read(form.size))
        # A 32-bit file has the flags behind the sizes.
        yield _Header._make(values if wide else (values[0], values[6], *values[1:6], values[7]))


def _tags(file: Any, stream: IO[bytes], start: int) -> Iterator[tuple[int, int]]:
    form = struct.Struct(("<" if file.little_endian else ">") + ("qQ" if file.elfclass == _WIDE else "iI"))
    stream.seek(start)
    section = stream.read(form.size * MAX_TAGS)
    for tag, value in form.iter_unpack(section[: len(section) // form.size * form.size]):
        if not tag:
            return
        yield tag, value
    raise ValueError("its dynamic section has no end")


def _is_program(tags: dict[int, int], *, with_loader: bool) -> bool:
    """Tell a program from a library: both may be relocatable, and libc has a loader too."""
    return bool(tags.get(_D["DT_FLAGS_1"], 0) & _PIE) or (with_loader and _D["DT_SONAME"] not in tags)


def _loader(stream: IO[bytes], header: _Header) -> str:
    stream.seek(header.offset)
    return stream.read(min(header.size, 4096)).rstrip(b"\0").decode(errors="replace")


def _memory(headers: list[_Header], tags: dict[int, int]) -> dict[str, Any]:
    flags = {header.type: header.flags for header in headers}
    loaded = [header.flags for header in headers if header.type == _P["PT_LOAD"]]
    now = tags.get(_D["DT_FLAGS"], 0) & _BIND_NOW or tags.get(_D["DT_FLAGS_1"], 0) & _NOW
    return {
        "relro": _P["PT_GNU_RELRO"] in flags,
        "bind_now": bool(now) or _D["DT_BIND_NOW"] in tags or not tags,
        # Without the header the kernel makes the stack executable.
        "executable_stack": bool(flags.get(_P["PT_GNU_STACK"], _EXECUTE) & _EXECUTE),
        "writable_code": _D["DT_TEXTREL"] in tags or any(f & _WRITE and f & _EXECUTE for f in loaded),
    }


def _names(stream: IO[bytes], headers: list[_Header], tags: dict[int, int]) -> bytes | None:
    """Return the strings of the dynamic symbols; None for a static program."""
    address, size = tags.get(_D["DT_STRTAB"]), tags.get(_D["DT_STRSZ"])
    if address is None or size is None:
        return None
    for header in headers:
        if header.type == _P["PT_LOAD"] and header.address <= address < header.address + header.size:
            stream.seek(address - header.address + header.offset)
            return stream.read(min(size, MAX_NAMES))
    raise ValueError("the names of its symbols are not in the file")


def _library_path(tags: dict[int, int], names: bytes | None) -> list[str]:
    found = []
    for tag in (_D["DT_RPATH"], _D["DT_RUNPATH"]):
        if names is not None and tag in tags:
            text = names[tags[tag] :].split(b"\0", 1)[0].decode(errors="replace")
            found += text.split(":")
    return found


def _symbols(names: bytes | None) -> dict[str, bool | None]:
    if names is None:
        return {"stack_protector": None, "fortified": None, "checkable": None}
    return {
        "stack_protector": b"\0__stack_chk_fail\0" in names,
        "fortified": _CHECKED.search(names) is not None,
        "checkable": not CHECKABLE.isdisjoint(names.split(b"\0")),
    }
