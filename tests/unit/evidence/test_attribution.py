"""Attribution: an honest image is explained path by path; every way to be dishonest is found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from scs_build.canonical import sha256_bytes
from scs_build.evidence.attribution import Attribution, attribute
from scs_build.evidence.check import Finding
from scs_build.inputs.artefact import Artefact
from scs_build.oci.entry import Entry
from tests.unit.evidence.made import CERTIFICATE, SITE, Made, wheel


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def findings(made: Made, *changes: Entry, without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    outcome = Attribution().run(made.subject(*changes, without=without))
    return [(finding.rule, finding.path) for finding in outcome.findings]


def test_an_honest_image_is_explained(made: Made) -> None:
    subject = made.subject()
    table = attribute(subject)
    assert table.findings == ()
    rows = {path: (row.kind, row.by, row.of) for path, row in table.rows.items()}
    assert rows.keys() == subject.items.keys()
    expected = {
        "usr/lib/alpha.txt": ("artefact", "deb:alpha", ""),
        "usr/lib/beside.txt": ("artefact", "deb:alpha", ""),
        "usr/lib/beta.txt": ("artefact", "deb:beta", ""),
        "usr/lib": ("artefact", "deb:alpha", ""),
        "var/lib/dpkg/status.d/beta": ("status", "deb:beta", ""),
        "etc/alpha.cache": ("generated", "alpha", "/etc/alpha.cache"),
        "etc/app/app.ini": ("recipe", "recipe:app", ""),
        "var/lib/app": ("recipe", "recipe:app", ""),
        "usr/bin/app": ("recipe", "recipe:app", ""),
        f"{SITE}/app/__init__.py": ("artefact", "wheel:app", ""),
        f"{SITE}/app/__pycache__/__init__.cpython-313.pyc": (
            "bytecode",
            "wheel:app",
            f"{SITE}/app/__init__.py",
        ),
        f"{SITE}/app-1.0.dist-info/RECORD": ("generated", "uv", "/**/*.dist-info/RECORD"),
        "opt/venv/bin/app": ("generated", "uv", "/opt/venv/bin/*"),
        "opt/venv": ("parent", "", ""),
    }
    assert {path: rows[path] for path in expected} == expected
    makers = {
        path: table.rows[path].source for path in ("opt/venv/bin/app", f"{SITE}/dep-2.0.dist-info/RECORD")
    }
    assert [source.id for source in makers.values() if source] == ["wheel:app", "wheel:dep"]


def test_the_predicate_counts_and_names_the_table(made: Made) -> None:
    subject = made.subject()
    predicate = Attribution().run(subject).predicate
    assert predicate["paths"] == sum(predicate["explained"].values()) == predicate["table"]["paths"]
    assert [line["id"] for line in predicate["artefacts"]] == [
        "deb:alpha",
        "deb:beta",
        "wheel:app",
        "wheel:dep",
    ]
    assert all(line["paths"] > 0 for line in predicate["artefacts"])
    table = made.store.read_bytes(predicate["table"]["sha256"])
    assert ["etc/alpha.cache", "generated", "alpha", "/etc/alpha.cache", []] in json.loads(table)
    assert sha256_bytes(table) == predicate["table"]["sha256"]
    assert Attribution().run(subject).predicate == predicate


PYC = f"{SITE}/app/__pycache__"
BETA = "usr/lib/beta.txt"
LOGIN = "/nonexistent:/usr/sbin/nologin"
DISHONEST = {
    "a path nobody brings": ("unexplained", Entry("usr/bin/intruder", "file", 0o755, content=b"x")),
    "a directory nobody brings": ("unexplained", Entry("srv/empty", "dir", 0o755)),
    "a parent directory that everybody may write": ("unexplained", Entry("opt/venv", "dir", 0o777)),
    "another content": ("altered", Entry("usr/lib/alpha.txt", "file", 0o644, content=b"altered\n")),
    "another mode": ("altered", Entry(BETA, "file", 0o4755, content=b"beta\n")),
    "another owner": ("altered", Entry(BETA, "file", 0o644, 42400, content=b"beta\n")),
    "another target": ("altered", Entry("usr/lib/link.txt", "link", 0o777, link="/etc/passwd")),
    "another type": ("altered", Entry("usr/lib/link.txt", "file", 0o644, content=b"alpha\n")),
    "a capability": ("altered", Entry(BETA, "file", 0o644, content=b"beta\n", capability=b"\x01")),
    "a capability on byte code": (
        "unexplained",
        Entry(f"{PYC}/__init__.cpython-313.pyc", "file", 0o644, content=b"", capability=b"\x01"),
    ),
    "another distribution": ("altered", Entry(f"{SITE}/app/__init__.py", "file", 0o644, content=b"evil()\n")),
    "another rendering": ("altered", Entry("etc/app/app.ini", "file", 0o644, content=b"series = 2025.1\n")),
    "another owner of a recipe's directory": ("altered", Entry("var/lib/app", "dir", 0o750)),
    "another status": ("altered", Entry("var/lib/dpkg/status.d/beta", "file", 0o644, content=b"x\n")),
    "byte code without a source": ("unexplained", Entry(f"{PYC}/gone.cpython-313.pyc", "file", 0o644)),
    "byte code that somebody may write": (
        "unexplained",
        Entry(f"{PYC}/__init__.cpython-313.pyc", "file", 0o666, content=b"code"),
    ),
    "byte code of another interpreter": (
        "unexplained",
        Entry(f"{PYC}/__init__.cpython-312.pyc", "file", 0o644),
    ),
    "a program without an entry point": ("unexplained", Entry("opt/venv/bin/tool", "file", 0o755)),
    "a file that is dropped": (
        "dropped",
        Entry("usr/share/man/man1/alpha.1", "file", 0o644, content=b"a manual\n"),
    ),
    "a whiteout": ("unexplained", Entry("usr/lib/.wh.gone", "file", 0o644)),
    "an authority in the bundle": (
        "authority",
        Entry(
            "etc/ssl/certs/ca-certificates.crt",
            "file",
            0o644,
            content="".join(CERTIFICATE.format(name) for name in ("one", "two", "eve")).encode(),
        ),
    ),
    "an authority of its own": (
        "authority",
        Entry("etc/ssl/certs/eve.pem", "file", 0o644, content=CERTIFICATE.format("eve").encode()),
    ),
    "a link to an authority elsewhere": (
        "authority",
        Entry("etc/ssl/certs/one.pem", "link", 0o777, link="/var/lib/app/eve.pem"),
    ),
    "a foreign user": (
        "user",
        Entry("etc/passwd", "file", 0o644, content=b"eve:x:1000:1000::/home/eve:/bin/sh\n"),
    ),
    "a recipe's user with another number": (
        "user",
        Entry("etc/passwd", "file", 0o644, content=f"somebody:x:0:0::{LOGIN}\n".encode()),
    ),
}


@pytest.mark.parametrize("what", DISHONEST)
def test_every_way_to_be_dishonest_is_found(made: Made, what: str) -> None:
    rule, entry = DISHONEST[what]
    found = findings(made, entry)
    assert (rule, f"/{entry.path}") in found
    others = {path for _, path in found} - {f"/{entry.path}"}
    # The folder of an empty folder is as unexplained as that, and a link leads where the next one leads.
    assert others <= {"/srv", "/etc/ssl/certs/abcdef.0"}


@pytest.mark.parametrize(
    "path",
    ["usr/lib/beta.txt", "etc/app/app.ini", "var/lib/dpkg/status.d/alpha", f"{SITE}/dep.py", "var/lib/app"],
)
def test_what_must_be_there_and_is_not_is_found(made: Made, path: str) -> None:
    assert findings(made, without=(path,)) == [("missing", f"/{path}")]


def test_a_hard_link_may_become_a_file_of_equal_content(made: Made) -> None:
    assert findings(made, Entry("usr/lib/beside.txt", "file", 0o644, content=b"alpha\n")) == []
    assert findings(made, Entry("usr/lib/beside.txt", "file", 0o644, content=b"other\n")) != []


def test_what_a_later_layer_hides_is_looked_at_too(made: Made) -> None:
    graph = made.graph()
    layers = [list(layer.values()) for layer in made.layers(graph)]
    layers[0].append(Entry("etc/app/app.ini", "file", 0o644, content=b"hidden\n"))
    (finding,) = Attribution().run(made.image(graph, layers)).findings
    assert (finding.rule, finding.path) == ("altered", "/etc/app/app.ini")
    assert "in a layer below the one that counts" in finding.text


@pytest.mark.parametrize("entry", [
    Entry("usr/lib/link.txt/inner", "file", 0o644), Entry("usr/lib/link.txt", "dir", 0o755),
])  # fmt: skip
def test_a_link_that_a_later_layer_makes_a_directory_is_found(made: Made, entry: Entry) -> None:
    graph = made.graph()
    layers = [list(layer.values()) for layer in made.layers(graph)]
    layers[-1].append(entry)
    found = Attribution().run(made.image(graph, layers)).findings
    assert ("link-replaced", "/usr/lib/link.txt") in [(finding.rule, finding.path) for finding in found]


def test_a_script_may_alter_only_what_the_table_says(made: Made) -> None:
    changed = Entry("usr/lib/alpha.txt", "file", 0o644, content=b"altered by a script\n")
    rule = "  - {path: /usr/lib/alpha.txt, by: a script, reason: it is altered on purpose"
    made.paths = made.paths.replace("dropped:", f"{rule}}}\ndropped:")
    assert ("altered", "/usr/lib/alpha.txt") in findings(made, changed)
    made.paths = made.paths.replace(f"{rule}}}", f"{rule}, altered: true}}")
    assert findings(made, changed) == []


def test_a_recipe_cannot_drop_what_its_parent_ships(made: Made) -> None:
    made.recipes["iaas/app"] += "dropped:\n  - {path: /usr/lib/alpha.txt, reason: nobody needs alpha}\n"
    assert findings(made) == [("dropped", "/usr/lib/alpha.txt")]


def test_the_words_of_a_rule_are_evidence_although_no_key(made: Made) -> None:
    before = made.subject()
    made.paths = made.paths.replace("by: alpha", "by: beta")
    after = made.subject()
    assert after.graph.image("app").key == before.graph.image("app").key
    assert Attribution().inputs(after) != Attribution().inputs(before)


def test_inputs_are_explained_and_stated_paths_are_kept(made: Made) -> None:
    """A file whose very path the recipe states is kept even where the table drops such paths."""
    man = "usr/share/man/man1/app.1"
    made.recipes["iaas/app"] += (
        "inputs:\n"
        "  - {type: url, name: page, url: https://example.org/app.1, version: a,"
        f" path: /{man}, unpack: false}}\n"
        "  - {type: url, name: tree, url: https://example.org/tree.zip, version: a,"
        " path: /opt/tree, strip: 1}\n"
    )
    page = made.store.add_bytes(b"a page\n")
    tree = wheel({"top/a.txt": b"a\n"})
    made.inputs = (
        Artefact(
            "url", "page", "a", page, 7,
            data={"url": "https://example.org/app.1", "path": f"/{man}", "unpack": False},
        ),
        Artefact(
            "url", "tree", "a", made.store.add_bytes(tree), len(tree),
            data={"url": "https://example.org/tree.zip", "path": "/opt/tree", "unpack": True, "strip": 1},
        ),
    )  # fmt: skip
    own = [
        Entry(man, "file", 0o644, content=b"a page\n"),
        Entry("opt/tree/a.txt", "file", 0o644, content=b"a\n"),
    ]
    assert findings(made, *own) == []
    assert findings(made, own[1]) == [("missing", f"/{man}")]
    assert findings(made, own[0], replace(own[1], content=b"b\n")) == [("altered", "/opt/tree/a.txt")]


def test_the_words_say_what_differs(made: Made) -> None:
    changed = Entry("usr/lib/beta.txt", "file", 0o600, content=b"other\n")
    assert Attribution().run(made.subject(changed)).findings == (
        Finding("altered", "/usr/lib/beta.txt", "is not as deb:beta brings it: content, mode"),
    )


def test_whatever_is_altered_is_noticed(made: Made) -> None:
    """Every path that somebody brings, in its mode and in its content: nothing slips through."""
    subject = made.subject()
    rows = attribute(subject).rows
    graph, blind = made.graph(), []
    for path, row in rows.items():
        for layer, change in ((number, each) for number in range(4) for each in (_mode, _content)):
            layers = made.layers(graph)
            entry = layers[layer].get(path)
            if entry is None or row.kind in ("generated", "bytecode") or change(entry) == entry:
                continue
            layers[layer][path] = change(entry)
            found = Attribution().run(made.image(graph, [list(each.values()) for each in layers])).findings
            if f"/{path}" not in {finding.path for finding in found}:
                blind.append((path, change.__name__))
    assert blind == []


def _mode(entry: Entry) -> Entry:
    return entry if entry.type == "link" else replace(entry, mode=entry.mode ^ 0o020)


def _content(entry: Entry) -> Entry:
    if entry.type == "file":
        assert isinstance(entry.content, bytes)
        return replace(entry, content=entry.content + b" ")
    return replace(entry, link=f"{entry.link}x") if entry.type == "link" else entry


def test_the_inputs_change_with_recipes_and_paths(made: Made) -> None:
    before = Attribution().inputs(made.subject())
    made.paths = made.paths.replace("a cache that alpha makes", "the cache that alpha makes")
    assert Attribution().inputs(made.subject()) != before
