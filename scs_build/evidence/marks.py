"""What no image may hold in its files: keys, tokens, passwords in the forms that programs write them in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scs_build.recipes.policy import FormName

# No match is longer than this, so that one that begins in one piece is found with the next.
OVERLAP = 4096


@dataclass(frozen=True)
class Form:
    """One form: `trigger` is in every match and quick to look for; `binary` files are searched as well."""

    name: FormName
    what: str
    trigger: bytes
    pattern: re.Pattern[bytes]
    binary: bool = False


@dataclass(frozen=True)
class Mark:
    """A match: what it is, and its line (0 where the file is too large to count, or not a text)."""

    name: str
    what: str
    line: int


def _form(name: FormName, what: str, trigger: bytes, pattern: bytes, *, binary: bool = False) -> Form:
    return Form(name, what, trigger, re.compile(pattern), binary)


def _token(of: str, start: bytes, rest: bytes) -> Form:
    return _form("token", f"a token of {of}", start, re.escape(start) + rest)


def _hash(method: str, start: bytes, rest: bytes) -> Form:
    return _form("password-hash", f"a hash of a password ({method})", start, re.escape(start) + rest)


# The armour alone is in every program that reads keys: what follows it makes it a key. Every repetition has
# an end: what a file holds must not decide how long it is looked at.
_KEY = (
    rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY( BLOCK)?-----\r?\n"
    rb"([A-Za-z-]{1,40}: [^\r\n]{0,200}\r?\n){0,8}\s{0,8}[A-Za-z0-9+/=]{20}"
)
_PART = rb"[^\s/:@'\"<>{}\[\]$%]{1,64}"

FORMS = (
    _form("private-key", "a private key", b"PRIVATE KEY", _KEY, binary=True),
    _form("private-key", "a private key of PuTTY", b"PuTTY-User-Key-File-", rb"PuTTY-User-Key-File-\d: "),
    _token("AWS", b"AKIA", rb"[0-9A-Z]{16}(?!\w)"),
    *(_token(f"GitHub ({kind})", b"gh%c_" % ord(kind), rb"[A-Za-z0-9]{36}(?!\w)") for kind in "pousr"),
    _token("GitHub", b"github_pat_", rb"[A-Za-z0-9]{22}_[A-Za-z0-9]{59}(?!\w)"),
    _token("GitLab", b"glpat-", rb"[\w-]{20}"),
    _token("Slack", b"xox", rb"[abprs]-[0-9A-Za-z-]{20}"),
    _token("Google", b"AIza", rb"[\w-]{35}(?![\w-])"),
    _token("an index of Python packages", b"pypi-AgE", rb"[\w-]{50}"),
    _token("a registry of npm packages", b"npm_", rb"[A-Za-z0-9]{36}(?!\w)"),
    _form("token", "a token of a web service (JWT)", b"eyJ", rb"eyJ[\w-]{10,1000}\.eyJ[\w-]{10}"),
    _token("Vault", b"hvs.", rb"[\w-]{24}"),
    _token("keystone (Fernet)", b"gAAAAA", rb"[\w-]{80}"),
    _form("url-credentials", "a URL with a password", b"://", b"://" + _PART + b":" + _PART + rb"@[\w.-]"),
    _hash("SHA-512", b"$6$", rb"[^\s:]{0,40}\$[./A-Za-z0-9]{86}"),
    _hash("SHA-256", b"$5$", rb"[^\s:]{0,40}\$[./A-Za-z0-9]{43}"),
    _hash("yescrypt", b"$y$", rb"[^\s:]{0,60}\$[./A-Za-z0-9]{43}"),
    _hash("bcrypt", b"$2", rb"[aby]\$\d\d\$[./A-Za-z0-9]{53}"),
    # Where sdists are unpacked and wheels are made (build/wheel.py).
    _form("build-path", "a path of the build", b"/tmp/", rb"/tmp/(source|wheel)/\w", binary=True),
)
BINARY_FORMS = tuple(form for form in FORMS if form.binary)


def _gates(forms: tuple[Form, ...]) -> tuple[tuple[re.Pattern[bytes], frozenset[str]], ...]:
    """Return the forms (by what they are) whose triggers begin alike, and what finds any of these triggers.

    Triggers that begin with one byte are looked for as quickly as one of them: searching for each by itself
    took a third of the time of reading a layer.
    """
    groups: dict[bytes, list[Form]] = {}
    for form in forms:
        groups.setdefault(form.trigger[:1], []).append(form)
    rests = {
        first: b"|".join(re.escape(form.trigger[1:]) for form in group) for first, group in groups.items()
    }
    return tuple(
        (re.compile(re.escape(first) + b"(?:" + rests[first] + b")"), frozenset(form.what for form in group))
        for first, group in groups.items()
    )


_GATES, _BINARY_GATES = _gates(FORMS), _gates(BINARY_FORMS)

# A private key in binary form (DER): a sequence, version 0 or 1, then a number (RSA), an algorithm
# (PKCS 8) or the key itself (elliptic curves).
_DER = re.compile(
    rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01(?:\x00(?:\x02[\x81\x82]|\x30.\x06)|\x01\x04[\x20\x30\x42])",
    re.DOTALL,
)


def first_marks(head: bytes) -> Iterator[Mark]:
    """Yield what the beginning of a file shows."""
    if _DER.match(head):
        yield Mark("private-key", "a private key (DER)", 0)


class Search:
    """Looks for the forms in one file, piece by piece."""

    def __init__(self, *, binary: bool) -> None:
        self._forms, self._gates = (BINARY_FORMS, _BINARY_GATES) if binary else (FORMS, _GATES)
        self._binary = binary
        self._tail = b""
        self._pieces = 0
        self.found: dict[str, Mark] = {}

    def take(self, piece: bytes) -> None:
        """Look at the next piece; of each form the first match counts."""
        window = self._tail + piece if self._tail else piece
        possible = [group for gate, group in self._gates if gate.search(window)]
        wanted = frozenset[str]().union(*possible) - self.found.keys() if possible else ()
        for form in self._forms if wanted else ():
            if form.what in wanted and (match := form.pattern.search(window)):
                countable = not self._binary and not self._pieces
                line = window.count(b"\n", 0, match.start()) + 1 if countable else 0
                self.found[form.what] = Mark(form.name, form.what, line)
        self._pieces += 1
        self._tail = window[-OVERLAP:]
