"""How a program was linked, read from its program headers with the structures of pyelftools."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

# What fortified code never calls: glibc checks the format wherever these are called. Functions that copy are
# called as they are where the compiler can tell that the place is large enough, or cannot tell its size.
CHECKABLE = frozenset((b"printf", b"fprintf", b"vprintf", b"vfprintf", b"dprintf", b"vdprintf", b"syslog"))
_CHECKED = re.compile(rb"\0__\w+_chk\0")
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
    except (ELFError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
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
    dynamic = next((header for header in headers if header["p_type"] == "PT_DYNAMIC"), None)
    tags = dict(_tags(file, stream, dynamic["p_offset"])) if dynamic else {}
    names = _names(stream, headers, tags)
    loader = next((header for header in headers if header["p_type"] == "PT_INTERP"), None)
    pie = kind == "ET_DYN" and _is_program(tags, with_loader=loader is not None)
    return {
        "program": kind == "ET_EXEC" or pie,
        "pie": pie,
        "loader": _loader(stream, loader) if loader else "",
        **_memory(headers, tags),
        "library_path": _library_path(tags, names),
        # A static program has the functions themselves, under no name.
        **_symbols(names if "DT_NEEDED" in tags else None),
    }


def _headers(file: Any, stream: IO[bytes]) -> Iterator[Any]:
    """Yield the program headers; the segments of pyelftools would read every section as well."""
    from elftools.common.utils import struct_parse

    start, size = file.header["e_phoff"], file.header["e_phentsize"]
    for number in range(min(file.num_segments(), MAX_HEADERS)):
        yield struct_parse(file.structs.Elf_Phdr, stream, start + number * size)


def _tags(file: Any, stream: IO[bytes], start: int) -> Iterator[tuple[str, int]]:
    from elftools.common.utils import struct_parse

    size = file.structs.Elf_Dyn.sizeof()
    for number in range(MAX_TAGS):
        entry = struct_parse(file.structs.Elf_Dyn, stream, start + number * size)
        if entry["d_tag"] == "DT_NULL":
            return
        yield str(entry["d_tag"]), entry["d_val"]


def _is_program(tags: dict[str, int], *, with_loader: bool) -> bool:
    """Tell a program from a library: both may be relocatable, and libc has a loader too."""
    return bool(tags.get("DT_FLAGS_1", 0) & _PIE) or (with_loader and "DT_SONAME" not in tags)


def _loader(stream: IO[bytes], header: Any) -> str:
    stream.seek(header["p_offset"])
    return stream.read(min(header["p_filesz"], 4096)).rstrip(b"\0").decode(errors="replace")


def _memory(headers: list[Any], tags: dict[str, int]) -> dict[str, Any]:
    stack = next((header for header in headers if header["p_type"] == "PT_GNU_STACK"), None)
    loaded = [header["p_flags"] for header in headers if header["p_type"] == "PT_LOAD"]
    relro = any(header["p_type"] == "PT_GNU_RELRO" for header in headers)
    now = "DT_BIND_NOW" in tags or tags.get("DT_FLAGS", 0) & _BIND_NOW or tags.get("DT_FLAGS_1", 0) & _NOW
    return {
        "relro": relro,
        "bind_now": bool(now) or not tags,
        # Without the header the kernel makes the stack executable.
        "executable_stack": stack is None or bool(stack["p_flags"] & _EXECUTE),
        "writable_code": "DT_TEXTREL" in tags or any(f & _WRITE and f & _EXECUTE for f in loaded),
    }


def _names(stream: IO[bytes], headers: list[Any], tags: dict[str, int]) -> bytes | None:
    """Return the strings of the dynamic symbols; None for a static program."""
    address, size = tags.get("DT_STRTAB"), tags.get("DT_STRSZ")
    if address is None or size is None:
        return None
    for header in headers:
        start = header["p_vaddr"]
        if header["p_type"] == "PT_LOAD" and start <= address < start + header["p_filesz"]:
            stream.seek(address - start + header["p_offset"])
            return stream.read(min(size, MAX_NAMES))
    raise ValueError("the names of its symbols are not in the file")


def _library_path(tags: dict[str, int], names: bytes | None) -> list[str]:
    found = []
    for tag in ("DT_RPATH", "DT_RUNPATH"):
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
