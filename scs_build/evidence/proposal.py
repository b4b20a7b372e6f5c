"""The entry of `policy/licences.yaml` that an artefact of unknown licence asks for, ready to be filled in."""

from __future__ import annotations

from typing import Any

import yaml

from scs_build.evidence.licence import Licence
from scs_build.evidence.licence_policy import Policy
from scs_build.evidence.pieces import Piece


def proposed_entry(policy: Policy, piece: Piece, licence: Licence) -> str:
    """Return the lines to paste below `stated`; what only a person can tell is left empty.

    The loader refuses what is empty: nobody states a licence by pasting alone. Where an entry is about the
    same text, what it says is taken over. Empty where no entry could help: a Debian package without a text.
    """
    text, same = _text(policy, licence)
    entry: dict[str, Any] = {piece.identity.family: piece.identity.subject}
    if text:
        entry["text"] = text
    elif piece.identity.family == "distribution":
        entry["versions"] = f"=={piece.artefact.version}"
    else:
        return ""
    if same is not None:
        entry |= same
    elif licence.unread and all(statement.form == "debian" for statement in piece.description.statements):
        entry["names"] = dict.fromkeys(licence.unread)
    else:
        entry["licence"] = None
    lines = yaml.dump([{**entry, "reason": None}], Dumper=_Dumper, sort_keys=False, width=10_000)
    return "".join(f"\n  {line}" for line in lines.splitlines())


def same_text(policy: Policy, licence: Licence) -> list[int]:
    """Return the entries about one of an artefact's texts, whichever artefact they are about."""
    hashes = {text.sha256 for text in licence.texts}
    return [index for index, entry in enumerate(policy.model.stated) if entry.text in hashes]


def _text(policy: Policy, licence: Licence) -> tuple[str, dict[str, Any] | None]:
    """Return the hash of the text to state something of, and what an entry about that text says."""
    for index in same_text(policy, licence):
        entry = policy.model.stated[index]
        return str(entry.text), {"licence": entry.licence} if entry.licence else {"names": dict(entry.names)}
    return next((text.sha256 for text in licence.texts), ""), None


class _Dumper(yaml.SafeDumper):
    """Writes nothing for what is to be filled in."""


_Dumper.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", ""))
