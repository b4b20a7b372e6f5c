"""Every rule of the hardening contract has an image that breaks it, and one beside it that does not."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

import pytest

from scs_build.canonical import sha256_file
from scs_build.evidence.check import Finding, Outcome
from scs_build.evidence.hardening import configuration, linkage, modes
from scs_build.evidence.hardening.check import HardeningCheck
from scs_build.evidence.subject import Subject
from scs_build.oci.entry import Entry
from scs_build.oci.image import HealthCheck, ImageConfig
from scs_build.recipes import policy
from scs_build.recipes.catalogue import Catalogue
from tests.unit.evidence.conftest import ROOT, SOUND, UID, Lab, file, program

Compile = Callable[..., bytes]
RULES = dict(Catalogue.load(ROOT).hardening.rules())
SERVICE = (
    "services:\n  web:\n    command: [/usr/bin/web]\n    writable: [/run/web]\n    volumes: [/var/lib/web]\n"
)
TMP = Entry("tmp", "dir", 0o1777)
NET_ADMIN, BROKEN = struct.pack("<5I", 0x02000001, 1 << 12, 0, 0, 0), b"\1\0\0\2"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
HEALTH = HealthCheck(("/usr/bin/ask",))


def check(subject: Subject) -> Outcome:
    catalogue = subject.graph.catalogue
    return HardeningCheck(catalogue.hardening, sha256_file(catalogue.root / "policy/hardening.yaml")).run(
        subject
    )


def broken(subject: Subject) -> list[tuple[str, str]]:
    return [(finding.rule, finding.path) for finding in check(subject).findings if not finding.accepted]


@dataclass(frozen=True)
class Case:
    """An image that breaks `rule` at `path`, and nothing else."""

    rule: str
    path: str
    entries: Sequence[Entry] = ()
    config: ImageConfig = SOUND
    recipe: str = ""
    options: Sequence[str] = field(default=())

    def __str__(self) -> str:
        return f"{self.rule} {self.path} {' '.join(self.options)}".strip()


def env(*pairs: str) -> ImageConfig:
    return replace(SOUND, env=(*SOUND.env, *pairs))


def elf(rule: str, *options: str, path: str = "usr/bin/web") -> Case:
    return Case(rule, path, options=options)


CASES = [
    Case("user", "", config=replace(SOUND, user="")),
    Case("user", "", config=replace(SOUND, user="0:0")),
    Case("user", "", config=replace(SOUND, user="root")),
    Case("user", "", config=replace(SOUND, user="web:web")),
    Case("user", "", config=replace(SOUND, user=f"{UID}")),
    Case("user", "", config=replace(SOUND, user=f"{UID}:0")),
    Case("entrypoint", "", config=replace(SOUND, cmd=("/usr/bin/web",))),
    Case("entrypoint", "", [file("usr/bin/web")], config=replace(SOUND, cmd=("/usr/bin/web",))),
    Case("entrypoint", "", [program("usr/bin/web", "x", 0o700)], replace(SOUND, cmd=("/usr/bin/web",))),
    Case(
        "entrypoint", "", [Entry("opt/x", "dir", 0o700), program("opt/x/web", "x")],
        config=replace(SOUND, cmd=("/opt/x/web",)),
    ),
    Case("entrypoint", "", [program("usr/bin/web")], config=replace(SOUND, cmd=("/usr/bin/web",))),
    Case("entrypoint", "", [program("usr/sbin/web", "x")], config=replace(SOUND, cmd=("web",))),
    Case("entrypoint", "", [program("usr/bin/web", "x")], replace(SOUND, entrypoint=("/usr/bin/web",))),
    Case("entrypoint", "", config=replace(SOUND, health=HEALTH)),
    Case("entrypoint", "", recipe=SERVICE),
    Case("configuration-secret", "", config=env("DB_PASSWORD=x")),
    Case("configuration-secret", "", config=env("URL=mysql://root:hunter2@db/x")),
    Case("configuration-secret", "", config=replace(SOUND, labels={"a": "ghp_" + "a" * 36})),
    Case("setuid", "usr/bin/x", [file("usr/bin/x", mode=0o4755)]),
    Case("setuid", "usr/bin/x", [file("usr/bin/x", mode=0o2755)]),
    Case("file-capability", "usr/bin/x", [replace(file("usr/bin/x"), capability=NET_ADMIN)]),
    Case("file-capability", "usr/bin/x", [replace(file("usr/bin/x"), capability=BROKEN)]),
    Case("world-writable", "etc/x", [file("etc/x", mode=0o666)]),
    Case("world-writable", "srv", [Entry("srv", "dir", 0o777)]),
    Case("world-writable", "srv", [Entry("srv", "dir", 0o1777)]),
    Case("world-writable", "tmp", [Entry("tmp", "dir", 0o777)]),
    Case("user-writable", "etc/x", [file("etc/x", uid=UID)]),
    Case("user-writable", "etc/x", [file("etc/x", mode=0o464, gid=UID)]),
    Case("user-writable", "srv", [Entry("srv", "dir", 0o755, UID, UID)]),
    Case("special-file", "srv/x", [Entry("srv/x", "fifo", 0o644)]),
    Case("package-manager", "usr/bin/apt-get", [program("usr/bin/apt-get")]),
    Case("package-manager", "opt/x/pip3.13", [program("opt/x/pip3.13")]),
    Case("package-manager", "usr/lib/x/site-packages/pip", [file("usr/lib/x/site-packages/pip/x.py")]),
    Case("compiler", "usr/bin/x86_64-linux-gnu-gcc", [program("usr/bin/x86_64-linux-gnu-gcc")]),
    Case("compiler", "usr/libexec/gcc/cc1", [program("usr/libexec/gcc/cc1")]),
    Case("compiler", "usr/include/a.h", [file("usr/include/a.h")]),
    Case("shell", "usr/bin/dash", [program("usr/bin/dash"), Entry("usr/bin/sh", "link", 0o777, link="dash")]),
    Case(
        "shell", "usr/bin/sh",
        [program("usr/bin/multi"), Entry("bin", "link", 0o777, link="usr/bin"),
         Entry("usr/bin/sh", "link", 0o777, link="/bin/multi")],
    ),
    Case("interpreter", "usr/bin/perl5.40", [program("usr/bin/perl5.40")]),
    Case("network-tool", "usr/bin/curl", [program("usr/bin/curl")]),
    Case("debugger", "usr/bin/gdb", [program("usr/bin/gdb")]),
    Case("privilege-tool", "usr/bin/su", [program("usr/bin/su")]),
    Case("host-identity", "etc/machine-id", [file("etc/machine-id", "c0ffee\n")]),
    Case("host-identity", "etc/resolv.conf", [file("etc/resolv.conf", "nameserver 192.0.2.1\n")]),
    Case("host-identity", "etc/ssh/ssh_host_rsa_key.pub", [file("etc/ssh/ssh_host_rsa_key.pub")]),
    Case("credential-file", "opt/x/.netrc", [file("opt/x/.netrc")]),
    Case("credential-file", "etc/x/fernet-keys/0", [file("etc/x/fernet-keys/0")]),
    Case("credential-file", "srv/a/b.p12", [file("srv/a/b.p12")]),
    Case("leftover", "tmp/x", [TMP, file("tmp/x")]),
    Case("leftover", "root/.bash_history", [file("root/.bash_history")]),
    Case("private-key", "etc/x.pem", [file("etc/x.pem", KEY)]),
    Case("token", "etc/x.ini", [file("etc/x.ini", "token = ghp_" + "a1" * 18)]),
    Case("password", "etc/x.ini", [file("etc/x.ini", "connection = mysql://nova:s3cret@db/nova")]),
    Case("password", "etc/x.ini", [file("etc/x.ini", "hash = $6$salt$" + "a" * 86)]),
    Case("build-path", "usr/lib/x", [file("usr/lib/x", b"\0\1/tmp/source/a.c\0")]),
    elf("pie", "-no-pie", "-fno-pie"),
    elf("relro", "-Wl,-z,norelro"),
    elf("bind-now", "-Wl,-z,lazy"),
    elf("stack-protector", "-fno-stack-protector"),
    elf("fortify", "-U_FORTIFY_SOURCE"),
    elf("executable-stack", "-Wl,-z,execstack"),
    elf("library-path", "-Wl,-rpath,/nowhere"),
    elf("library-path", "-Wl,-rpath,.libs"),
    elf("library-path", "-Wl,--disable-new-dtags,-rpath,$ORIGIN/../../srv/lib"),
    elf(
        "writable-code", "-shared", "-fno-pic", "-mcmodel=large", "-Wl,-z,notext",
        path="usr/lib/libx.so",
    ),
    Case("readable", "usr/lib/x.so", [file("usr/lib/x.so", b"\x7fELF\2\1\1" + bytes(60))]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_image_that_breaks_a_rule_is_caught(lab: Lab, compiled: Compile, case: Case) -> None:
    entries = list(case.entries)
    if case.options:
        content = compiled(*case.options)
        entries += [program(case.path, content), program("lib64/ld-linux-x86-64.so.2", "x")]
    found = broken(lab.image([*entries, file("etc/x-other")], config=case.config, recipe=case.recipe))
    assert set(found) == {(case.rule, case.path)}


def test_every_rule_of_the_policy_has_an_image_that_breaks_it() -> None:
    assert {case.rule for case in CASES} == set(RULES)


def test_every_name_that_a_policy_can_have_is_looked_for() -> None:
    assert set(configuration.LOOKS) == set(get_args(policy.ConfigurationName))
    assert set(modes.LOOKS) == set(get_args(policy.ModeName))
    assert {*linkage.LOOKS, "readable", "library-path"} == set(get_args(policy.LinkageName))


def test_an_image_that_does_all_of_it_well_breaks_no_rule(lab: Lab, compiled: Compile) -> None:
    entries = [
        program("usr/bin/web", compiled()),
        program("usr/lib64/ld-linux-x86-64.so.2", "x"),
        Entry("lib64", "link", 0o777, link="usr/lib64"),
        replace(program("usr/bin/net", "x"), capability=NET_ADMIN),
        Entry("etc/resolv.conf", "file", 0o644),
        file("etc/ssl/certs/a.pem", "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n"),
        file("usr/lib/reader.py", 'START = "-----BEGIN PRIVATE KEY-----"\nfor line in text:\n    pass\n'),
        file("usr/lib/web.py", '"""Connect with mysql://scott:tiger@db/x"""\n'),
        Entry("usr/bin/dangling/sh", "link", 0o777, link="nowhere"),
        Entry("run/web", "dir", 0o750, UID, UID),
        Entry("var/lib/web", "dir", 0o750, UID, UID),
        file("var/lib/web/seed", uid=UID),
        Entry("var/tmp", "dir", 0o1777),
        Entry("var/mail", "dir", 0o2775),
        TMP,
    ]
    recipe = f"{SERVICE}    capabilities: {{CAP_NET_ADMIN: it makes network devices}}\n"
    config = replace(
        SOUND, cmd=("web", "-v"), volumes=("/var/lib/web",), health=HealthCheck(("/usr/bin/web",)),
        env=("PATH=/none:/usr/bin", "DB_PASSWORD_FILE=/run/secrets/db"),
    )  # fmt: skip
    outcome = check(lab.image(entries, config=config, recipe=recipe))
    assert outcome.findings == ()
    assert outcome.predicate["result"] == "PASSED"
    assert set(outcome.predicate["rules"].values()) == {"PASSED"}


def test_a_lower_layer_counts_only_where_nothing_above_replaces_it(lab: Lab) -> None:
    below = [program("usr/bin/curl"), program("usr/bin/wget"), program("usr/bin/ssh")]
    above = [file("usr/bin/.wh.curl", b""), file("usr/bin/wget", mode=0o644)]
    assert broken(lab.image(below, above)) == [("network-tool", "usr/bin/ssh")]


def test_a_static_program_shows_neither_stack_protector_nor_fortify(lab: Lab, compiled: Compile) -> None:
    content = compiled("-static-pie", "-fno-stack-protector", "-U_FORTIFY_SOURCE")
    assert broken(lab.image([program("usr/bin/web", content)])) == []


def test_libraries_need_not_be_bound_at_start_but_what_is_compiled_here_must(
    lab: Lab, compiled: Compile
) -> None:
    library = file("opt/venv/lib/x/a.so", compiled("-shared", "-fno-stack-protector", "-Wl,-z,lazy"))
    info = "opt/venv/lib/x/a-1.dist-info"
    foreign = file(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: cp313-cp313-manylinux_2_28_x86_64\n")
    own = file(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: cp313-cp313-linux_x86_64\n")
    record = file(f"{info}/RECORD", "a.so,sha256=x,1\na/__init__.py,,\n../../bin/a,sha256=x,2\n")
    assert broken(lab.image([library, foreign, record])) == []
    assert broken(lab.image([library, own, record])) == [
        ("bind-now", "opt/venv/lib/x/a.so"), ("stack-protector", "opt/venv/lib/x/a.so"),
    ]  # fmt: skip


def test_a_library_path_in_the_image_is_fine_unless_its_user_can_write_there(
    lab: Lab, compiled: Compile
) -> None:
    entries = [
        program("usr/bin/web", compiled("-Wl,-rpath,$ORIGIN/../lib/web")),
        program("lib64/ld-linux-x86-64.so.2"),
    ]
    assert broken(lab.image([*entries, Entry("usr/lib/web", "dir", 0o755)])) == []
    writable = Entry("usr/lib/web", "dir", 0o755, UID, UID)
    recipe = f"{SERVICE.replace('/run/web', '/usr/lib/web')}"
    found = broken(lab.image([*entries, writable], recipe=recipe))
    assert found == [("library-path", "usr/bin/web")]


def test_exceptions_are_accepted_with_their_reason_and_the_verdict_says_so(lab: Lab) -> None:
    recipe = "exceptions:\n  shell: {/usr/bin/dash: the start script needs a shell}\n"
    outcome = check(lab.image([program("usr/bin/dash"), program("usr/bin/curl")], recipe=recipe))
    assert Finding("shell", "usr/bin/dash", "is there", "the start script needs a shell") in outcome.findings
    assert not outcome.ok
    rules = outcome.predicate["rules"]
    assert (rules["shell"], rules["network-tool"], rules["user"]) == ("ACCEPTED", "FAILED", "PASSED")
    assert outcome.predicate["result"] == "FAILED"


def test_an_outcome_is_a_function_of_the_image(lab: Lab) -> None:
    entries = [program("usr/bin/dash"), file("etc/x", KEY)]
    assert check(lab.image(entries)) == check(lab.image(reversed(entries)))


def test_inputs_follow_policy_services_and_exceptions_and_nothing_else(lab: Lab) -> None:
    def inputs(recipe: str = "", digest: str = "a") -> object:
        subject = lab.image([file("etc/x")], recipe=recipe)
        return HardeningCheck(subject.graph.catalogue.hardening, digest).inputs(subject)

    plain = inputs()
    assert inputs("# a comment\nsmoke: {command: [/usr/bin/x]}\n") == plain
    others = [inputs(digest="b"), inputs(SERVICE), inputs("exceptions: {shell: because it must}\n")]
    assert plain not in others
    assert inputs("exceptions: {shell: because we want}\n") not in others


def test_capability_names_of_every_version_of_the_attribute() -> None:
    first = struct.pack("<3I", 0x01000000, 1 << 10, 1 << 13)
    third = struct.pack("<6I", 0x03000000, 0, 0, 1 << 7, 0, 1000)
    assert modes.capability_names(first) == {"CAP_NET_BIND_SERVICE", "CAP_NET_RAW"}
    assert modes.capability_names(third) == {"CAP_BPF"}
    unknown = struct.pack("<5I", 0x02000000, 0, 0, 1 << 31, 0)
    assert modes.capability_names(unknown) == {"an unknown capability"}
    assert modes.capability_names(b"") == {"an unknown capability"}
