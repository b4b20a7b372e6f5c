"""What reading files shows: programs, secrets, scripts, wheels; in pieces, in bounded memory."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scs_build.evidence.content import PIECE
from scs_build.evidence.elf import elf_facts
from scs_build.evidence.marks import FORMS, OVERLAP
from scs_build.evidence.traits import Traits

Compile = Callable[..., bytes]
BASE64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
# One example for each form, by what it is.
EXAMPLES = {
    "a private key": f"-----BEGIN RSA PRIVATE KEY-----\n{BASE64}\n",
    "a private key of PuTTY": "PuTTY-User-Key-File-3: ssh-ed25519\n",
    "a token of AWS": "AKIA" + "A1" * 8,
    **{f"a token of GitHub ({kind})": f"gh{kind}_" + "a1" * 18 for kind in "pousr"},
    "a token of GitHub": "github_pat_" + "a" * 22 + "_" + "b" * 59,
    "a token of GitLab": "glpat-" + "x" * 20,
    "a token of Slack": "xoxb-" + "1" * 24,
    "a token of Google": "AIza" + "x" * 35,
    "a token of an index of Python packages": "pypi-AgE" + "x" * 60,
    "a token of a registry of npm packages": "npm_" + "x" * 36,
    "a token of a web service (JWT)": f"eyJ{'a' * 20}.eyJ{'b' * 20}.{'c' * 30}",
    "a token of Vault": "hvs." + "x" * 24,
    "a token of keystone (Fernet)": "gAAAAA" + "x" * 120,
    "a URL with a password": "mysql://nova:s3cret@db/nova",
    "a hash of a password (SHA-512)": "$6$rounds=5000$salt$" + "a" * 86,
    "a hash of a password (SHA-256)": "$5$salt$" + "a" * 43,
    "a hash of a password (yescrypt)": "$y$j9T$salt$" + "a" * 43,
    "a hash of a password (bcrypt)": "$2b$12$" + "a" * 53,
    "a path of the build": "/tmp/source/main.c",
}
INNOCENT = [
    "-----BEGIN PRIVATE KEY-----", 'START = b"-----BEGIN PRIVATE KEY-----"\n', "AKIA", "ghp_short",
    "https://example.org:443/@user", "https://user@example.org", "https://{user}:{password}@host", "$6$",
    "cost: $5$",
    "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n", "/tmp/sources", "eyJhbGciOi",
]  # fmt: skip
DER_KEYS = [
    bytes.fromhex("308204a30201000282010100"),  # RSA (PKCS 1)
    bytes.fromhex("308204be020100300d06092a864886f70d0101010500"),  # RSA (PKCS 8)
    bytes.fromhex("302e020100300506032b6570042204"),  # Ed25519
    bytes.fromhex("3077020101042055"),  # an elliptic curve (SEC 1)
]


def look(content: bytes, path: str = "etc/x", size: int = PIECE) -> dict[str, Any]:
    traits = Traits(path, len(content))
    for start in range(0, len(content), size):
        traits.take(content[start : start + size])
    return traits.found()


def names(content: bytes, size: int = PIECE) -> list[str]:
    return [what for _, what, _ in look(content, size=size).get("marks", ())]


def test_every_form_has_an_example() -> None:
    assert {form.what for form in FORMS} == set(EXAMPLES)


@pytest.mark.parametrize("what", EXAMPLES)
def test_a_secret_is_seen_with_its_line(what: str) -> None:
    (mark,) = look(f"one\ntwo\n\n{EXAMPLES[what]} three\n".encode())["marks"]
    assert mark[1:] == [what, 4]


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_looks_like_a_secret_is_none(text: str) -> None:
    assert look(f"{text}\n".encode()) == {}


@pytest.mark.parametrize("key", DER_KEYS)
def test_a_private_key_in_binary_form_is_seen(key: bytes) -> None:
    assert names(key + bytes(100)) == ["a private key (DER)"]
    certificate = bytes.fromhex("308203a33082028ba003020102")
    assert names(certificate + bytes(100)) == []


@given(st.integers(0, 3 * OVERLAP), st.sampled_from(sorted(EXAMPLES)))
def test_a_secret_is_seen_wherever_the_pieces_are_cut(before: int, what: str) -> None:
    content = b"." * before + b" " + EXAMPLES[what].encode() + b" " + b"." * OVERLAP
    assert names(content, size=8192) == [what]


def test_binary_files_are_searched_for_keys_and_paths_only() -> None:
    binary = b"\0\1\2" + "\n".join(EXAMPLES.values()).encode()
    assert sorted(names(binary)) == ["a path of the build", "a private key"]


@pytest.mark.parametrize(
    "text",
    [
        b"-----BEGIN PRIVATE KEY-----" + b"\n" * PIECE,
        b"-----BEGIN PRIVATE KEY-----\n" + b"a: b\n" * (PIECE // 5),
        b"eyJ" * (PIECE // 3),
        b"://a" * (PIECE // 4),
        b"$6$" * (PIECE // 3),
    ],
)
def test_text_made_to_be_looked_at_for_ever_is_not(text: bytes) -> None:
    assert look(text) == {}


def test_scripts_tell_their_interpreter() -> None:
    assert look(b"#! /bin/sh -e\nexit\n") == {"kind": "script", "interpreter": "/bin/sh -e"}
    assert look(b"#") == {}
    assert look(b"") == {}


def test_facts_of_a_hardened_program(compiled: Compile) -> None:
    found = look(compiled("-Wl,-rpath,/usr/lib/a:/usr/lib/b"))
    assert found == {
        "kind": "elf",
        "elf": {
            "program": True,
            "pie": True,
            "loader": "/lib64/ld-linux-x86-64.so.2",
            "relro": True,
            "bind_now": True,
            "executable_stack": False,
            "writable_code": False,
            "library_path": ["/usr/lib/a", "/usr/lib/b"],
            "stack_protector": True,
            "fortified": True,
            "checkable": False,
        },
    }


def test_facts_of_a_library_and_of_what_is_not_linked_yet(compiled: Compile) -> None:
    library = elf_facts(io.BytesIO(compiled("-shared")))
    assert (library["program"], library["pie"], library["loader"]) == (False, False, "")
    assert elf_facts(io.BytesIO(compiled("-c"))) == {"object": True}


def test_facts_of_a_32_bit_program_of_the_other_byte_order() -> None:
    stack, load = 0x6474E551, 1
    headers = struct.pack(">8I", load, 0, 0, 0, 200, 200, 7, 4096) + struct.pack(
        ">8I", stack, 0, 0, 0, 0, 0, 6, 4
    )
    ident = b"\x7fELF\1\2\1" + bytes(9)
    head = ident + struct.pack(">2H5I6H", 2, 8, 1, 0, 52, 0, 0, 52, 32, 2, 0, 0, 0)
    found = elf_facts(io.BytesIO(head + headers))
    assert (found["program"], found["pie"], found["relro"]) == (True, False, False)
    assert (found["executable_stack"], found["writable_code"], found["stack_protector"]) == (
        False,
        True,
        None,
    )


@pytest.mark.parametrize("size", [4, 20, 64, 500, 4000])
def test_a_program_cut_off_is_broken(compiled: Compile, size: int) -> None:
    assert list(elf_facts(io.BytesIO(compiled()[:size]))) == ["broken"]


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_program_is_told_and_never_a_traceback(compiled: Compile, data: st.DataObject) -> None:
    content = bytearray(compiled())
    for place in data.draw(st.lists(st.integers(0, 4096), min_size=1, max_size=12)):
        content[place] = data.draw(st.integers(0, 255))
    assert elf_facts(io.BytesIO(bytes(content)))


def test_a_program_of_200_mb_is_looked_at_in_little_memory(compiled: Compile) -> None:
    traits = Traits("usr/bin/large", 200 << 20)
    first, padding = compiled(), bytes(PIECE)
    tracemalloc.start()
    try:
        traits.take(first)
        for _ in range(200):
            traits.take(padding)
        found = traits.found()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found["elf"]["pie"] is True
    assert peak < 48 << 20


def test_wheels_tell_whether_they_were_compiled_here() -> None:
    def kind(tags: str) -> object:
        return look(f"Wheel-Version: 1.0\n{tags}".encode(), "v/a-1.dist-info/WHEEL")["compiled"]

    assert kind("Tag: cp313-cp313-linux_x86_64\n") is True
    assert kind("Tag: cp313-cp313-manylinux_2_17_x86_64\nTag: cp313-cp313-manylinux2014_x86_64\n") is False
    assert kind("Tag: py3-none-any\n") is False


def test_records_name_what_may_be_machine_code() -> None:
    record = b'a/__init__.py,sha256=x,1\n"a/b,c.so",sha256=x,1\n../../../bin/a,,\n\n'
    found = look(record, "v/a-1.dist-info/RECORD")
    assert found == {"kind": "record", "binaries": ["a/b,c.so", "../../../bin/a"]}
