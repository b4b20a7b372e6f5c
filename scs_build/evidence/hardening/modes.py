"""Rules about owners, modes, types and file capabilities."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping

from scs_build.evidence.hardening.view import Found, View

# In the order of linux/capability.h.
CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
)  # fmt: skip
_SETUID, _SETGID, _STICKY, _OTHERS_WRITE = 0o4000, 0o2000, 0o1000, 0o0002
_SPECIAL = {"char": "a character device", "block": "a block device", "fifo": "a named pipe"}


def setuid(view: View) -> Iterator[Found]:
    """Find files that run as somebody else; on folders the bits give no rights."""
    for item in view.items.values():
        if item.type in ("file", "hardlink") and item.mode & (_SETUID | _SETGID):
            whose = f"user {item.uid}" if item.mode & _SETUID else f"group {item.gid}"
            yield Found(item.path, f"runs as {whose}, whoever starts it (mode {item.mode:04o})")


def file_capability(view: View) -> Iterator[Found]:
    """Find file capabilities that no service declares."""
    declared = {name for service in view.services.values() for name in service.capabilities}
    for item in view.items.values():
        if item.capability and (extra := sorted(capability_names(bytes.fromhex(item.capability)) - declared)):
            yield Found(item.path, f"has {', '.join(extra)}, which no service of the recipe declares")


def world_writable(view: View) -> Iterator[Found]:
    """Find what everybody may write; the policy spares folders, which must be sticky even so."""
    for item in view.items.values():
        if item.type != "link" and item.mode & _OTHERS_WRITE and not view.is_declared(item.path):
            yield Found(item.path, f"can be written by everybody (mode {item.mode:04o})")


def not_sticky(view: View, path: str) -> bool:
    """Return whether the policy's leniency for folders of temporary files does not reach this path."""
    item = view.items[path]
    return item.type != "dir" or not item.mode & _STICKY


def user_writable(view: View) -> Iterator[Found]:
    """Find what the image's own user may change; what everybody may write is another rule's."""
    for item in view.items.values():
        if view.may_change(item) and not item.mode & _OTHERS_WRITE and not view.is_declared(item.path):
            how = "is owned by" if item.uid == view.user[0] else "can be written by"
            yield Found(item.path, f"{how} the user of the image, and is not declared as writable")


def special_file(view: View) -> Iterator[Found]:
    """Find devices and pipes."""
    for item in view.items.values():
        if item.type in _SPECIAL:
            yield Found(item.path, f"is {_SPECIAL[item.type]}")


LOOKS: Mapping[str, Callable[[View], Iterator[Found]]] = {
    "setuid": setuid,
    "file-capability": file_capability,
    "world-writable": world_writable,
    "user-writable": user_writable,
    "special-file": special_file,
}


def capability_names(attribute: bytes) -> set[str]:
    """Return the capabilities of a `security.capability` attribute (linux/capability.h, versions 1 to 3).

    They are permitted or inheritable; one that is not known here, or a damaged attribute, is a name too.
    """
    # A word of version and flags, then permitted and inheritable bits, in two halves since version 2.
    words = [word for (word,) in struct.iter_unpack("<I", attribute[4 : len(attribute) // 4 * 4])]
    halves = [words[half : half + 2] for half in range(0, min(len(words), 4), 2)]
    bits = sum((pair[0] | pair[-1]) << 32 * number for number, pair in enumerate(halves))
    names = {f"CAP_{name}" for number, name in enumerate(CAPABILITIES) if bits >> number & 1}
    return names | ({"an unknown capability"} if bits >> len(CAPABILITIES) or not names else set())
