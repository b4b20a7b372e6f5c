"""Whom an image trusts: the generated bundle of authorities and its links, held against what artefacts bring.

The table of paths explains them as generated, whatever they hold; one authority too many would be the worst
thing that an image could hide there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from scs_build.evidence.check import Finding
from scs_build.evidence.explanation import Explanation
from scs_build.evidence.paths import real_path
from scs_build.evidence.subject import Subject
from scs_build.store.facts import remembered

FORMAT = 1
FOLDER = "etc/ssl/certs/"
BUNDLE = f"{FOLDER}ca-certificates.crt"
# Where packages and recipes put certificates for update-ca-certificates to find.
BROUGHT = ("usr/share/ca-certificates/", "usr/local/share/ca-certificates/")
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def strange_authorities(subject: Subject, rows: Mapping[str, Explanation]) -> Iterator[Finding]:
    """Find certificates that are trusted and that neither an artefact nor a recipe brings as such."""
    brought = {
        p for p in subject.items if p.startswith(BROUGHT) and p in rows and rows[p].kind != "generated"
    }
    for path, item in subject.items.items():
        if not path.startswith(FOLDER) or path not in rows or rows[path].kind != "generated":
            continue
        if item.type == "link" and real_path(subject.items, path) not in brought:
            yield Finding("authority", f"/{path}", "leads to no certificate of an artefact or a recipe")
        if item.type == "file" and path != BUNDLE:
            yield Finding("authority", f"/{path}", "is neither a link nor the bundle")
    if BUNDLE in subject.items and not _is_bundle_of(subject, brought):
        yield Finding(
            "authority", f"/{BUNDLE}", "does not hold exactly the certificates that artefacts bring"
        )


def _is_bundle_of(subject: Subject, brought: set[str]) -> bool:
    hashes = sorted(subject.items[path].sha256 for path in brought)
    what = {"authorities": subject.items[BUNDLE].sha256, "of": hashes, "format": FORMAT}

    def compare() -> bool:
        contents = subject.contents({BUNDLE, *brought})
        bundle = _PEM.findall(contents.pop(BUNDLE, b""))
        return sorted(bundle) == sorted(block for each in contents.values() for block in _PEM.findall(each))

    return bool(remembered(subject.store, what, compare))
