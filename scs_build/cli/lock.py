"""`scs-build lock`: the only command that resolves versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scs_build.cli.common import images_argument
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result

if TYPE_CHECKING:
    from scs_build.locks.lock import LockChange


@click.command()
@images_argument
@click.option("--upgrade", is_flag=True, help="Take the newest versions of everything.")
@click.option(
    "--upgrade-package", "packages", multiple=True, metavar="NAME",
    help="Take the newest version of this package; can be given more than once.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Only check, offline, that the locks fit their recipes.")
@click.option("--missing", is_flag=True, help="Ask which locked files no source has any more.")
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="With --missing: lock what vanished into an overlay, for --lock-overlay.",
)  # fmt: skip
@session_options("series", "platform")
def command(
    session: Session,
    images: tuple[str, ...],
    upgrade: bool,
    packages: tuple[str, ...],
    check: bool,
    missing: bool,
    into: Path | None,
) -> None:
    """Resolve the versions of images and write their lock files.

    Versions that are locked stay where they still fit; a lock that fits its recipe is not touched. With
    --recipes, locks are written into the highest layer and never into ours. Without IMAGE: every image of the
    series.

    Mirrors drop superseded packages: --missing tells which locked files no mirror or dated archive has any
    more, and downloads nothing. With --into DIR it locks replacements of those that are not in the store
    either, and of what they force; the committed locks stay as they are.
    """
    _refuse_contradictions(session, images, bool(upgrade or packages), check, missing, into)
    if missing:
        from scs_build.cli.aging import overlay_missing, report_missing

        return overlay_missing(session, into) if into else report_missing(session, images)
    if check:
        return check_locks(session, images)
    return make_locks(session, images, upgrade=upgrade, packages=packages)


def _refuse_contradictions(
    session: Session, images: tuple[str, ...], upgrade: bool, check: bool, missing: bool, into: Path | None
) -> None:
    """Raise `UsageError` for options that cannot go together."""
    if check and upgrade:
        raise click.UsageError("--check changes nothing: it cannot go with --upgrade or --upgrade-package.")
    if missing and (check or upgrade):
        raise click.UsageError("--missing cannot go with --check, --upgrade or --upgrade-package.")
    if into and not missing:
        raise click.UsageError("--into says where --missing writes.")
    if into and images:
        raise click.UsageError("an overlay is of the whole series: name no image with --into.")
    if session.lock_overlay_option and not check and (into or not missing):
        raise click.UsageError("an overlay is only made from the locks below it: leave --lock-overlay out.")


def make_locks(
    session: Session, images: tuple[str, ...], *, upgrade: bool, packages: tuple[str, ...]
) -> None:
    """Lock images and print what changed."""
    from scs_build.errors import OfflineError
    from scs_build.locks.lock import lock_images
    from scs_build.locks.upgrade import refuse_unknown

    if session.offline:
        raise OfflineError("locking asks package indices", solution="leave --offline out, or use --check")
    if packages:
        refuse_unknown(session.catalogue, session.series, images, session.platform, packages)
    before = image_keys(session)
    with session.store.lock("apt"):
        changes = lock_images(
            session.catalogue, session.series, images, session.platform, session.site, upgrade=upgrade,
            upgrade_packages=packages, store=session.store,
            work=session.store.root / "indices" / session.series, progress=session.progress,
        )  # fmt: skip
    after = image_keys(session)
    rebuilds = [name for name, key in after.items() if key != before.get(name)]
    lines = [line for change in changes for line in change_lines(change)]
    lines += [f"\nthis rebuilds: {', '.join(rebuilds) or 'nothing'}"] if lines else ["nothing changed"]
    answer = {"changes": [change.to_json() for change in changes], "rebuilds": rebuilds}
    print_result(answer, "\n".join(lines), as_json=session.json)
    warn_of_idle(session, images)


def warn_of_idle(session: Session, images: tuple[str, ...]) -> None:
    """Say which specifiers of the series concern no image, where the whole series was asked for."""
    from scs_build.locks.idle import idle_specifiers

    for text in () if images else idle_specifiers(session.catalogue, session.series, session.platform):
        session.progress.say(f"warning: {text}")


def image_keys(session: Session) -> dict[str, str | None]:
    """Return the key of each image of the series in the order of building; None where one has no valid lock.

    What has another key after a change of locks is what that change rebuilds: tools that only isolate or move
    enter no key, and others enter those of the steps that use them.
    """
    from scs_build.cli.common import names_of
    from scs_build.errors import InputError
    from scs_build.plan.graph import Graph

    catalogue = session.catalogue
    graph = Graph(catalogue, catalogue.series(session.series), session.platform, fitting=False)
    keys: dict[str, str | None] = {}
    for name in names_of(session, ()):
        try:
            keys[name] = graph.image(name).key
        except InputError:
            keys[name] = None
    return keys


def change_lines(change: LockChange) -> list[str]:
    """Return what changed for one image as lines for a person."""
    if not change:
        why = "lies in the layer now" if change.placed else "says now what it was made for"
        return [change.image, f"  = fits as it is, and {why}"]
    return [
        change.image,
        *(f"  + {name} {version}" for name, version in change.added),
        *(f"  - {name} {version}" for name, version in change.removed),
        *(f"  ~ {name} {_step(old, new)}" for name, old, new in change.changed),
        *([f"  = {len(change.restated)} with more or less said of the same file"] if change.restated else []),
    ]


def _step(old: str, new: str) -> str:
    return f"{old} -> {new}" if old != new else f"{old}, other bytes"


def check_locks(session: Session, images: tuple[str, ...]) -> None:
    """Print what does not fit; raises `LockError` when anything does not."""
    from scs_build.errors import LockError
    from scs_build.locks.check import check_lock
    from scs_build.locks.lock import series_images

    names = images or tuple(sorted(series_images(session.catalogue, session.series)))
    findings = {name: check_lock(session.catalogue, session.series, name, session.platform) for name in names}
    text = "\n".join(finding for found in findings.values() for finding in found)
    print_result(findings, text or f"{len(names)} locks fit their recipes", as_json=session.json)
    wrong = [name for name, found in findings.items() if found]
    if wrong:
        raise LockError(
            f"the locks of {', '.join(wrong)} do not fit their recipes",
            solution=f"run `scs-build lock {' '.join(wrong)} --series {session.series}`",
        )
    warn_of_idle(session, images)
