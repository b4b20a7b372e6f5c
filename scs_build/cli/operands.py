"""How two images are named to be compared: by recipe, by digest, in a manifest, in a layout."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from scs_build.cli.common import graph_of, layout_of
from scs_build.cli.options import complete_image
from scs_build.errors import StoreError, UnknownNameError

if TYPE_CHECKING:
    from scs_build.cli.options import Session
    from scs_build.evidence.compare import Compared
    from scs_build.evidence.subject import Subject

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MANIFEST = re.compile(r"(?P<path>.+\.json)(:(?P<name>[^/:]+))?")


def complete_operand(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer names of images, and files and folders for what has a slash in it."""
    if "/" in incomplete or incomplete.startswith("."):
        return [CompletionItem(incomplete, type="file")]
    return complete_image(ctx, param, incomplete)


def image_of(session: Session, text: str, other: str) -> Compared:
    """Return the image that a word of the command line names; `other` is the word for the other one.

    Raises `UnknownNameError` when there is no such image, `ManifestError` or `VerificationError` when the
    file or folder is not what it must be.
    """
    if DIGEST.fullmatch(text):
        return _of_digest(session, text, text)
    if match := MANIFEST.fullmatch(text):
        return _of_manifest(session, text, Path(match["path"]), match["name"] or _name_in(other))
    if "/" in text or text.startswith("."):
        folder, _, reference = text.partition(":")
        return _of_layout(session, text, Path(folder), reference)
    name, _, series = text.partition("@")
    return _of_recipe(session.of_series(series) if series else session, text, name)


def _name_in(text: str) -> str:
    """Return the name of an image that a word holds, empty where it holds none."""
    if match := MANIFEST.fullmatch(text):
        return match["name"] or ""
    return "" if "/" in text or DIGEST.fullmatch(text) else text.partition("@")[0]


def _of_recipe(session: Session, text: str, name: str) -> Compared:
    from scs_build.evidence.compare import Compared
    from scs_build.evidence.subject import Subject

    session.catalogue.component(name)
    subject = Subject.of(graph_of(session), session.store, name, session.jobs)
    return Compared(text, subject.shipped, _Explained(subject))


class _Explained:
    """Tells who brought a path by the attribution of the image, made when first asked for."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._rows: dict[str, str] | None = None

    def __call__(self, path: str) -> str:
        if self._rows is None:
            self._rows = {}
            from scs_build.evidence.attribution import attribute

            # Where a collection took artefacts, who brought a path is left open: nothing is fetched for it.
            with suppress(StoreError):
                self._rows = {row: found.by for row, found in attribute(self._subject).rows.items()}
        return self._rows.get(path, "")


def _of_digest(session: Session, text: str, digest: str, layout: Path | None = None) -> Compared:
    from scs_build.evidence.compare import Compared
    from scs_build.evidence.shipped import Shipped

    if layout is None and not session.store.has(digest):
        raise UnknownNameError(
            f"the store holds no image {digest}",
            solution="build it, or name the OCI layout or the manifest that it comes from",
        )
    return Compared(text, Shipped(session.store, digest, layout, session.jobs))


def _of_manifest(session: Session, text: str, path: Path, name: str) -> Compared:
    from scs_build.manifest.manifest import read_manifest

    manifest = read_manifest(path)
    image = manifest.image(name)
    if image is None:
        known = ", ".join(image.name for image in manifest.content.images)
        reason = f"{path} names no image {name}" if name else f"{text} does not say which image of it"
        raise UnknownNameError(reason, solution=f"write {path}:NAME; it names {known}")
    # Images of a build are in the store; those that came with their manifest are in the layout beside it.
    beside = layout_of(path.parent)
    elsewhere = not session.store.has(image.digest) and beside.is_dir()
    return _of_digest(session, text, image.digest, beside if elsewhere else None)


def _of_layout(session: Session, text: str, folder: Path, name: str) -> Compared:
    from scs_build.oci.layout import read_layout, reference

    listed = {
        reference(entry) or entry["digest"]: entry["digest"] for entry in read_layout(folder)["manifests"]
    }
    chosen = name or next(iter(listed), "")
    if chosen not in listed or (not name and len(listed) > 1):
        reason = f"{folder} holds no image {name}" if name else f"{text} does not say which image of it"
        raise UnknownNameError(reason, solution=f"write {folder}:REF; it holds {', '.join(listed) or 'none'}")
    return _of_digest(session, text, listed[chosen], folder)
