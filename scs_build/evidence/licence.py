"""The licence of an artefact in SPDX: what it says itself, or what the policy states of its text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from scs_build.evidence.expressions import conjunction, debian_expression, normal, spdx_expression
from scs_build.evidence.licence_policy import Policy, entries_for
from scs_build.evidence.pieces import Piece
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.description import Description, Identity, Statement, Text
from scs_build.recipes.document import Pointer
from scs_build.recipes.licences import Stated

# A copyright file that is a link to that of another package, which may be a link again.
MAX_LINKS = 5


@dataclass(frozen=True)
class Licence:
    """What is known of an artefact's licence.

    `expression` is in normal form, empty where nothing tells it; `basis` says whether the artefact declares
    it or the policy states it. `said` is what it says in its own words, `unread` what nobody could read.
    `texts` are the licence texts among its members, `refers` what they point to. `used` are the entries of
    the policy that were needed, `outdated` those about another text, `needless` those that fit and say
    nothing.
    """

    expression: str = ""
    basis: Literal["declared", "stated", "unknown"] = "unknown"
    said: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    texts: tuple[Text, ...] = ()
    refers: tuple[str, ...] = ()
    used: tuple[Pointer, ...] = ()
    outdated: tuple[Pointer, ...] = ()
    needless: tuple[Pointer, ...] = ()


class Vocabulary:
    """What names of licences mean, the nearer list first; remembers which names were needed."""

    def __init__(self, *lists: tuple[Pointer, Mapping[str, str]]) -> None:
        self._lists = lists
        self.used: set[Pointer] = set()

    def meaning(self, name: str) -> str | None:
        """Return the SPDX expression for a name, or None."""
        for pointer, names in self._lists:
            if name in names:
                self.used.add((*pointer, name))
                return names[name]
        return None


def licences_of(policy: Policy, pieces: Sequence[Piece]) -> dict[str, Licence]:
    """Return the licence of everything that an image is made of, by `Piece.id`."""
    by_name = {(piece.artefact.kind, piece.artefact.name): piece for piece in pieces if not piece.bundled}
    return {
        piece.id: licence_of(piece.artefact, piece.identity, _with_texts(piece, by_name), policy)
        for piece in pieces
    }


def _with_texts(piece: Piece, by_name: Mapping[tuple[str, str], Piece]) -> Description:
    """Return the description of the artefact that holds the licence text of this one."""
    found = piece.description
    for _ in range(MAX_LINKS):
        following = by_name.get((piece.artefact.kind, found.texts_of))
        if following is None:
            break
        found = following.description
    return found


def licence_of(artefact: Artefact, identity: Identity, description: Description, policy: Policy) -> Licence:
    """Return the licence of an artefact; an entry of the policy about its text counts before its words."""
    hashes = {text.sha256 for text in description.texts}
    entries = entries_for(policy.model.stated, artefact, identity)
    fitting = [(index, entry) for index, entry in entries if entry.text is None or entry.text in hashes]
    reading = _read(description.statements, Vocabulary((("names",), policy.model.names)), policy)
    needless: set[Pointer] = {("stated", index) for index, _ in fitting[1:]}
    basis: Literal["declared", "stated"] = "declared"
    if fitting:
        index, entry = fitting[0]
        ruled = _rule(index, entry, description.statements, policy)
        needless |= {("stated", index, "names", name) for name in entry.names} - ruled.used
        # The text of one version may be read and the next one declare the same: the entry is then not used.
        if ruled.expression != reading.expression:
            basis, reading = "stated", ruled
    return Licence(
        expression=reading.expression,
        basis=basis if reading.expression else "unknown",
        said=tuple(statement.text for statement in description.statements),
        unread=reading.unread,
        texts=description.texts,
        refers=description.refers,
        used=tuple(sorted(reading.used, key=str)),
        outdated=tuple(("stated", index) for index, entry in entries if (index, entry) not in fitting),
        needless=tuple(sorted(needless, key=str)),
    )


@dataclass(frozen=True)
class _Reading:
    """An expression (empty: it cannot be told), what could not be read, and the entries that were needed."""

    expression: str
    unread: tuple[str, ...] = ()
    used: frozenset[Pointer] = frozenset()


def _rule(index: int, entry: Stated, statements: Iterable[Statement], policy: Policy) -> _Reading:
    """Read an artefact as an entry of the policy says."""
    here: Pointer = ("stated", index)
    if entry.licence:
        return _Reading(normal(entry.licence, policy.own), used=frozenset([here]))
    words = Vocabulary(((*here, "names"), entry.names), (("names",), policy.model.names))
    reading = _read(statements, words, policy)
    return replace(reading, used=reading.used | {here})


def _read(statements: Iterable[Statement], words: Vocabulary, policy: Policy) -> _Reading:
    """Read what an artefact says itself."""
    debian = [statement.text for statement in statements if statement.form == "debian"]
    if debian:
        read = {text: debian_expression(text, words.meaning) for text in debian}
        unread = tuple(text for text, expression in read.items() if expression is None)
        known = "" if unread else conjunction(filter(None, read.values()), policy.own)
        return _Reading(known, unread, frozenset(words.used))
    # Of the ways to state a licence in the metadata of Python the strongest that can be read counts.
    for form in ("expression", "field", "classifier"):
        texts = [statement.text for statement in statements if statement.form == form]
        if len(texts) == 1 and (expression := spdx_expression(texts[0], words.meaning)):
            return _Reading(normal(expression, policy.own), used=frozenset(words.used))
    return _Reading("", tuple(statement.text for statement in statements))
