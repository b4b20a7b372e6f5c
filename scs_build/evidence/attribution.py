"""The check `attribution`: every path of an image is explained, and whatever must be there is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scs_build.build.install import databases
from scs_build.canonical import canonical_json, digest_of
from scs_build.evidence.authorities import strange_authorities
from scs_build.evidence.check import Check, Finding, Outcome
from scs_build.evidence.content import Item
from scs_build.evidence.explanation import Explainer, Explanation, differences
from scs_build.evidence.patching import patches_of
from scs_build.evidence.sources import Source
from scs_build.evidence.subject import Subject
from scs_build.inputs.kinds import TREES
from scs_build.oci.order import WHITEOUT
from scs_build.recipes.patches.patch import Patch

# Raised by whatever changes an outcome for the same image.
FORMAT = 2
# Numbers that Debian gives to users of its own; what has another one is a user of a recipe.
SYSTEM_USERS = (*range(1000), 65534)


@dataclass(frozen=True)
class Table:
    """The explanation of every path that a container sees, and what is wrong with the image."""

    explainer: Explainer
    rows: Mapping[str, Explanation]
    findings: tuple[Finding, ...]

    def to_json(self) -> bytes:
        """Return the rows as canonical JSON: path, kind, by, of, names of patches; sorted by path."""
        return canonical_json(
            [
                [path, e.kind, e.by, e.of, [f"{p.target}/{p.name}" for p in e.patches]]
                for path, e in sorted(self.rows.items())
            ]
        )


class Attribution:
    """Explains every path, independently of the build."""

    name = "attribution"
    predicate_type = "https://scs.community/attestation/attribution/v1"

    def inputs(self, subject: Subject) -> Mapping[str, str]:
        """Return what the outcome depends on: the image's key stands for all but the words of rules."""
        rules = digest_of(subject.graph.rules(subject.name).statements())
        return {"format": str(FORMAT), "key": subject.graph.image(subject.name).key, "rules": rules}

    def run(self, subject: Subject) -> Outcome:
        """Explain every path; the whole table goes into the store, the predicate names it by its hash."""
        table = attribute(subject)
        data = table.to_json()
        blob = subject.store.add_bytes(data)
        return Outcome(_predicate(subject, table, blob), table.findings, (blob,))


def make(context: object) -> Check:  # noqa: ARG001 - every check is made in this way
    """Return the check."""
    return Attribution()


def attribute(subject: Subject) -> Table:
    """Explain every path of an image."""
    explainer = Explainer(subject)
    rows: dict[str, Explanation] = {}
    open_items: list[Item] = []
    for layer in subject.layers:
        for item in layer:
            explanation = explainer.explain(item)
            if explanation is None:
                open_items.append(item)
            elif subject.items.get(item.path) is item:
                rows[item.path] = explanation
    # A directory that holds something unexplained is not what is wrong.
    holding = _parents([*rows, *(item.path for item in open_items if item.type != "dir")])
    findings = []
    for item in open_items:
        if item.path in holding and (item.type, item.mode, item.uid, item.gid) == ("dir", 0o755, 0, 0):
            rows.setdefault(item.path, Explanation("parent"))
        else:
            findings.append(_unexplained(explainer, item))
    findings += [*_dropped(explainer, rows), *_missing(explainer), *_users(subject), *_through_links(subject)]
    findings += strange_authorities(subject, rows)
    return Table(explainer, rows, tuple(sorted(findings, key=lambda f: (f.path, f.rule, f.text))))


def _parents(paths: Collection[str]) -> set[str]:
    """Return every directory above these paths."""
    found: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found


def _unexplained(explainer: Explainer, item: Item) -> Finding:
    """Say what is wrong with a path that has no explanation."""
    path = f"/{item.path}"
    hidden = (
        "" if explainer.subject.items.get(item.path) is item else ", in a layer below the one that counts"
    )
    if item.path.rpartition("/")[2].startswith(WHITEOUT):
        return Finding("unexplained", path, f"removes a path of a layer below{hidden}")
    claims = explainer.claims.get(item.path)
    if not claims:
        return Finding(
            "unexplained", path, f"neither lock nor recipe nor a rule on paths explains it{hidden}"
        )
    claim = claims[0]
    what = ", ".join(differences(item, claim.member))
    patched = f" with {named(claim.patches)}" if claim.patches else ""
    return Finding("altered", path, f"is not as {claim.by} brings it{patched}: {what}{hidden}")


def named(patches: Iterable[Patch]) -> str:
    """Return patches as a person calls them."""
    return " and ".join(f"the patch {patch.name}" for patch in patches)


def _dropped(explainer: Explainer, rows: Mapping[str, Explanation]) -> Iterator[Finding]:
    """Find what is there although a rule says that the image does not ship it."""
    for path, explanation in rows.items():
        if explanation.kind in ("artefact", "generated") and explainer.subject.items[path].type != "dir":
            rule = explainer.dropped(path)
            if rule is not None and not _is_stated(explanation.source):
                text = f"is there, although a rule drops {rule.path}: {rule.reason}"
                yield Finding("dropped", f"/{path}", text)


def _through_links(subject: Subject) -> Iterator[Finding]:
    """Find what a layer puts into the place of a link to a directory: an engine has the link or the path."""
    links: set[str] = set()
    for layer in subject.layers:
        folders = {item.path for item in layer if item.type == "dir"} | _parents([i.path for i in layer])
        for link in sorted(folders & links):
            last = max(i.path for i in layer if i.path == link or i.path.startswith(f"{link}/"))
            yield Finding("link-replaced", f"/{link}", f"is a link that /{last} of a later layer replaces")
        links |= {item.path for item in layer if item.type == "link"}


def _is_stated(source: Source | None) -> bool:
    """Tell whether an input is a single file, whose very path a recipe states."""
    return source is not None and source.artefact.kind in TREES and not source.artefact.data.get("unpack")


def _missing(explainer: Explainer) -> Iterator[Finding]:
    """Find what recipes and artefacts bring, what nobody dropped, and what is not there."""
    items = explainer.subject.items
    for path, claims in explainer.claims.items():
        if path in items:
            continue
        rule = explainer.generated(path)
        brought = [claim for claim in claims if claim.kind != "artefact"]
        dropped = explainer.dropped(path) is not None and not _is_stated(claims[0].source)
        if brought or not (dropped or (rule and rule.altered)):
            by = (brought or claims)[0].by
            yield Finding("missing", f"/{path}", f"{by} brings it, and nothing says why it is not there")


def _users(subject: Subject) -> Iterator[Finding]:
    """Find users of recipes that the databases do not have, and users that neither recipe nor Debian has."""
    users = subject.graph.users(subject.name)
    wanted = databases(users)
    found = subject.contents({"etc/passwd", "etc/group"})
    for database in ("passwd", "group"):
        lines = found.get(f"etc/{database}", b"").decode(errors="replace").splitlines()
        for line in wanted.get(database, b"").decode().splitlines():
            if line not in lines:
                yield Finding("user", f"/etc/{database}", f"has no line `{line}`, which a recipe defines")
        for line in lines:
            name, _, number, *_ = (*line.split(":"), "", "")
            if not (name in users or (number.isdecimal() and int(number) in SYSTEM_USERS)):
                yield Finding("user", f"/etc/{database}", f"`{line}` is of no recipe and not of Debian")


def _predicate(subject: Subject, table: Table, blob: str) -> dict[str, Any]:
    counted = Counter(e.source.id for e in table.rows.values() if e.source)
    return {
        "format": FORMAT,
        "image": subject.name,
        "series": subject.graph.series.name,
        "platform": subject.graph.platform,
        "paths": len(subject.items),
        "explained": dict(sorted(Counter(e.kind for e in table.rows.values()).items())),
        "artefacts": [
            {
                "id": source.id,
                "version": source.artefact.version,
                "sha256": source.artefact.sha256,
                "locked": source.image,
                "paths": counted[source.id],
            }
            for source in table.explainer.sources
        ],
        "patches": [
            {**patch.to_json(), "paths": sum(patch in e.patches for e in table.rows.values())}
            for source in table.explainer.sources
            for patch in patches_of(subject.graph, source)
        ],
        "table": {"sha256": blob, "paths": len(table.rows)},
    }
