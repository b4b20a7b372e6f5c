"""The tools tree: pinned programs, unpacked from locked packages, that run on any Linux host."""

from __future__ import annotations

import shutil
import threading
import zipfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scs_build.errors import EngineError, ProgramError
from scs_build.inputs.artefact import Artefact
from scs_build.store.store import Store

LOADERS = ("usr/lib64/ld-linux-x86-64.so.2", "usr/lib/ld-linux-aarch64.so.1")
PROGRAM_FOLDERS = ("usr/bin", "usr/sbin", "usr/libexec")
ELF = b"\x7fELF"

# What maintainer scripts would have made and the programs need: link -> target, file -> source.
LINKS = {
    "bin": "usr/bin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "sbin": "usr/sbin",
    "usr/bin/awk": "mawk",
    "usr/bin/which": "which.debianutils",
}
COPIES = {
    "etc/group": "usr/share/base-passwd/group.master",
    "etc/nsswitch.conf": "usr/share/libc-bin/nsswitch.conf",
    "etc/passwd": "usr/share/base-passwd/passwd.master",
}
MOUNT_POINTS = ("dev", "proc", "run", "sys", "tmp")


@dataclass(frozen=True)
class ToolsTree:
    """A tree of Debian packages whose programs are started through the tree's own dynamic loader."""

    path: Path

    @property
    def layers(self) -> tuple[Path, ...]:
        """The tree as the root file system of a step."""
        return (self.path,)

    @cached_property
    def loader(self) -> str:
        """The path of the dynamic loader in the tree; raises `EngineError` when there is none."""
        for loader in LOADERS:
            if (self.path / loader).is_file():
                return loader
        raise EngineError(f"the tools tree {self.path} has no dynamic loader", solution="remove it")

    @cached_property
    def libraries(self) -> str:
        """The path of the folder of shared libraries in the tree, such as `usr/lib/x86_64-linux-gnu`."""
        return str((self.path / self.loader).resolve().parent.relative_to(self.path.resolve()))

    def argv(self, program: str, *args: str | Path, at: Path | None = None) -> list[str]:
        """Return the argument list that starts an ELF program of the tree with `args`.

        With `at` the command is for a place where the tree is mounted there. Raises `ProgramError` for a
        program that the tree does not have, and for scripts: their interpreter would be the host's.
        """
        found = self.find(program)
        with (self.path / found).open("rb") as stream:
            if stream.read(4) != ELF:
                raise ProgramError(f"{program} of the tools tree is a script; start its interpreter")
        root = at or self.path
        if set(":;$") & set(str(root)):
            raise EngineError(
                f"the dynamic loader cannot start programs below {root}: its path holds one of : ; $",
                solution="set SCS_BUILD_STORE to a folder with another path",
            )
        start = [root / self.loader, "--inhibit-cache", "--library-path", root / self.libraries]
        return [str(arg) for arg in (*start, "--argv0", program, root / found, *args)]

    def find(self, program: str) -> str:
        """Return the path of a program in the tree, such as `usr/bin/bwrap`; raises `ProgramError`."""
        for folder in PROGRAM_FOLDERS:
            if (self.path / folder / program).is_file():
                return f"{folder}/{program}"
        raise ProgramError(
            f"the tools tree {self.path} has no {program}",
            solution="run `scs-build doctor` to see what is missing",
        )

    def needed(self, *programs: str) -> tuple[str, ...]:
        """Return the paths of all files of the tree that these programs need to start, theirs among them."""
        found = dict.fromkeys([self.loader, *map(self.find, programs)])
        waiting = list(found)
        while waiting:
            names = (f"{self.libraries}/{name}" for name in _libraries(self.path / waiting.pop()))
            new = [name for name in names if name not in found and (self.path / name).is_file()]
            found.update(dict.fromkeys(new))
            waiting += new
        return tuple(found)


def _libraries(program: Path) -> list[str]:
    """Return the names of the libraries that an ELF file is linked with."""
    from elftools.elf.elffile import ELFFile

    with program.open("rb") as stream:
        dynamic = ELFFile(stream).get_section_by_name(".dynamic")
        tags = dynamic.iter_tags() if dynamic else ()
        return [tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"]


def extract_tools(store: Store, artefacts: Iterable[Artefact], key: str, jobs: int = 1) -> Path:
    """Unpack .debs and the programs of wheels from the store into the store's tree `key`; return its path.

    `jobs` of them at a time. No maintainer script runs. The artefacts must be in the store; a tree that is
    there stays as it is.
    """
    with store.lock(f"tree-{key}"):
        if there := store.tree(key):
            return there
        with store.new_tree(key) as tree:
            fill_tree(tree, [(a.kind, store.blob(a.sha256)) for a in artefacts], jobs)
    made = store.tree(key)
    if made is None:
        raise EngineError(f"the tools tree {key} is not in the store after it was unpacked")
    return made


def fill_tree(tree: Path, archives: Sequence[tuple[str, Path]], jobs: int = 1) -> None:
    """Unpack archives (kind and file) into the empty directory `tree` and make it usable as a root."""
    from scs_build.inputs.deb.deb import extract

    tree.chmod(0o755)
    by_kind = {kind: [path for other, path in archives if other == kind] for kind in ("deb", "wheel")}
    # No two packages bring the same file, so the order is free: the largest first, or one ends alone.
    by_kind["deb"].sort(key=lambda path: path.stat().st_size, reverse=True)
    with ThreadPoolExecutor(jobs, threading.current_thread().name) as pool:
        for unpacked in [pool.submit(extract, path, tree) for path in by_kind["deb"]]:
            unpacked.result()
    for wheel in by_kind["wheel"]:  # after the packages: the folders have their modes
        extract_programs(wheel, tree / "usr/bin")
    finish_tree(tree)


def extract_programs(wheel: Path, into: Path) -> None:
    """Unpack the programs of a wheel (its `.data/scripts/`) into the folder `into`."""
    into.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            folder, _, name = member.rpartition("/")
            if folder.endswith(".data/scripts") and name:
                target = into / name
                with archive.open(member) as source, target.open("wb") as stream:
                    shutil.copyfileobj(source, stream)
                target.chmod(0o755)


def finish_tree(tree: Path) -> None:
    """Make what maintainer scripts would have made; what packages brought stays."""
    for link, target in LINKS.items():
        path = tree / link
        if (path.parent / target).exists() and not path.is_symlink() and not path.exists():
            path.symlink_to(target)
    for name, source in COPIES.items():
        if (tree / source).is_file() and not (tree / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tree / source, tree / name)
            (tree / name).chmod(0o644)  # whatever the umask of this process is
    for path in (tree / name for name in MOUNT_POINTS):
        if not path.exists():
            path.mkdir()
            path.chmod(0o755)
