"""Where the members of a fetched file or tree lie in an image, and what no image takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from scs_build.errors import IntegrityError, ResultError
from scs_build.inputs.artefact import Artefact, Member
from scs_build.inside import resolve

# Stands for the root of a tree: no name of a path can be this, so nothing finds its way back in.
ROOT = "\0"


def placed(artefact: Artefact, members: Iterable[Member]) -> list[tuple[str, Member]]:
    """Return the path in the image (no leading slash) of each member, and what lies there.

    Everything is root's; a file's mode is 0755 where its owner may execute it and 0644 elsewhere. A hard link
    becomes a file. Raises `IntegrityError` for devices, for links that lead out of the tree, for names that
    are not UTF-8, and where nothing is left.
    """
    top, data = str(artefact.data["path"]).strip("/"), artefact.data
    if not data.get("unpack"):
        return [(top, replace(member, mode=int(data.get("mode", "0644"), 8))) for member in members]
    found = dict(_stripped(members, int(data.get("strip", 0))))
    links = {path: member.link for path, member in found.items() if member.type == "link"}
    for path in links:
        _check_link(path, links)
    if not found:
        raise IntegrityError("nothing would come into the image", solution="look at `strip` of the recipe")
    return [(f"{top}/{path}", member) for path, member in found.items()]


def _stripped(members: Iterable[Member], strip: int) -> Iterator[tuple[str, Member]]:
    """Yield members by their path below the tree's top, hard links as the files that they are."""
    files: dict[str, Member] = {}
    for member in members:
        _check_name(member)
        if member.type == "hardlink":
            member = _file(member, files)
        elif member.type == "file":
            files[member.path] = member
        elif member.type not in ("dir", "link"):
            raise IntegrityError(f"{member.path} is a {member.type}, which no image takes")
        parts = member.path.split("/")[strip:]
        if parts:
            yield "/".join(parts), replace(member, mode=_mode(member), uid=0, gid=0)


def _file(link: Member, files: Mapping[str, Member]) -> Member:
    primary = files.get(link.link)
    if primary is None:
        raise IntegrityError(f"{link.path} is a hard link to {link.link}, which does not come before it")
    return replace(primary, path=link.path)


def _mode(member: Member) -> int:
    if member.type == "link":
        return 0o777
    return 0o755 if member.type == "dir" or member.mode & 0o100 else 0o644


def _check_name(member: Member) -> None:
    try:
        f"{member.path}{member.link}".encode()
    except UnicodeEncodeError as error:
        raise IntegrityError(f"{member.path!a}: the name or its link target is not UTF-8") from error


def _check_link(path: str, links: Mapping[str, str]) -> None:
    """Follow a link as the kernel would, from a root above the tree: it must end in the tree."""
    try:
        end = resolve(f"{ROOT}/{path}", lambda at: links.get(at.removeprefix(f"{ROOT}/")))
    except ResultError as error:
        raise IntegrityError(f"{path}: too many symbolic links") from error
    if end != ROOT and not end.startswith(f"{ROOT}/"):
        raise IntegrityError(f"{path} is a link to {links[path]}, which leads out of the tree")
