"""The check of licences: an honest image passes; each thing that may be wrong is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from scs_build.canonical import sha256_bytes
from scs_build.errors import PolicyError
from scs_build.evidence.check import Finding
from scs_build.evidence.licence_policy import load_policy
from scs_build.evidence.licences import Licences, common_text, entries_unused, entries_used
from tests.unit.evidence.made import COPYRIGHT, SITE, Made, metadata

DOC = "usr/share/doc/alpha/copyright"


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def found(made: Made, without: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    return Licences().run(made.subject(without=without)).findings


def say(made: Made, licence: str) -> str:
    """Let the copyright file of alpha (and so of beta) state another licence; return its hash."""
    made.alpha[DOC] = COPYRIGHT.format(licence=licence).encode()
    return sha256_bytes(made.alpha[DOC])


def test_every_artefact_of_an_honest_image_has_a_licence(made: Made) -> None:
    outcome = Licences().run(made.subject())
    assert outcome.findings == ()
    lines = {line["id"]: (line["licence"], line["basis"]) for line in outcome.predicate["artefacts"]}
    assert lines == {
        "deb:alpha": ("GPL-2.0-or-later", "declared"),
        "deb:beta": ("GPL-2.0-or-later", "declared"),  # its folder is a link to that of alpha
        "wheel:app": ("MIT", "declared"),
        "wheel:dep": ("Apache-2.0", "declared"),
        "wheel:dep/inner": ("MIT", "declared"),  # what is bundled counts too
    }
    assert outcome.predicate["licences"] == {"Apache-2.0": 1, "GPL-2.0-or-later": 2, "MIT": 2}
    texts = {line["id"]: line["texts"] for line in outcome.predicate["artefacts"]}
    assert texts["deb:beta"] == [f"/{DOC}"]
    assert texts["wheel:app"] == [f"/{SITE}/app-1.0.dist-info/licenses/LICENSE"]


def test_a_licence_that_nobody_knows_is_found(made: Made) -> None:
    digest = say(made, "Homemade")
    (first, second) = found(made)
    assert (first.rule, first.path, first.accepted) == ("unknown", f"/{DOC}", "")
    assert "alpha 1.0 (locked by base) says `Homemade`" in first.text and digest in first.text
    assert "beta 1.1" in second.text


def pasted(made: Made, finding: Finding) -> str:
    """Return the entry that a finding proposes, below `stated`."""
    return "stated:" + finding.text.partition("under `stated`:")[2] + "\n"


def test_an_unknown_licence_comes_with_the_entry_for_the_policy(made: Made) -> None:
    digest = say(made, "Homemade: of us")
    (first, _) = found(made)
    before = made.policy
    entry = pasted(made, first)
    assert entry == (
        f"stated:\n  - source: alpha-src\n    text: {digest}\n    names:\n"
        "      'Homemade: of us':\n    reason:\n"
    )
    made.policy = before + entry
    with pytest.raises(PolicyError):  # pasted, and nothing read
        found(made)
    filled = entry.replace("of us':", "of us': MIT").replace("reason:", "reason: I have read it")
    made.policy = before + filled
    assert found(made) == ()


def test_what_is_known_of_the_same_text_is_proposed(made: Made) -> None:
    digest = say(made, "Homemade")
    known = f"stated:\n  - {{source: other, text: {digest}, licence: MIT, reason: I have read it}}\n"
    made.policy += known
    (first, _) = found(made)
    assert "policy/licences.yaml:7:5 is about the same text" in first.text
    entry = pasted(made, first)
    assert entry == f"stated:\n  - source: alpha-src\n    text: {digest}\n    licence: MIT\n    reason:\n"
    made.policy += entry.removeprefix("stated:\n").replace("reason:", "reason: the same text")
    assert found(made) == ()


def test_a_distribution_without_a_text_is_proposed_by_its_version(made: Made) -> None:
    made.app["app-1.0.dist-info/METADATA"] = metadata("app", "1.0", "License: BSD")
    del made.app["app-1.0.dist-info/licenses/LICENSE"]
    (finding,) = [each for each in found(made) if each.rule == "unknown"]
    entry = pasted(made, finding)
    assert entry == "stated:\n  - distribution: app\n    versions: ==1.0\n    licence:\n    reason:\n"
    made.policy += entry.replace("licence:", "licence: MIT").replace("reason:", "reason: I asked them")
    assert [each.rule for each in found(made)] == ["no-text"]


def test_a_copyright_file_that_no_program_can_read_is_found(made: Made) -> None:
    made.alpha[DOC] = b"This package was put together by hand.\n"
    assert {finding.rule for finding in found(made)} == {"unknown"}
    assert "says nothing that a program can read" in found(made)[0].text


def test_a_licence_that_is_not_free_is_found(made: Made) -> None:
    made.app["app-1.0.dist-info/METADATA"] = metadata("app", "1.0", "License-Expression: JSON AND MIT")
    (finding,) = found(made)
    assert finding.rule == "not-free"
    assert (
        "app 1.0 (locked by app) has JSON AND MIT" in finding.text and "say that JSON is free" in finding.text
    )


def test_one_free_alternative_is_enough(made: Made) -> None:
    made.app["app-1.0.dist-info/METADATA"] = metadata("app", "1.0", "License-Expression: JSON OR MIT")
    assert found(made) == ()


@pytest.mark.parametrize(
    "fields", [("License: BSD",), (), ("License: UNKNOWN",), ("License-Expression: Nope",)]
)
def test_metadata_that_names_no_licence_is_found(made: Made, fields: tuple[str, ...]) -> None:
    made.app["app-1.0.dist-info/METADATA"] = metadata("app", "1.0", *fields)
    (finding,) = found(made)
    assert finding.rule == "unknown" and "app 1.0" in finding.text


def test_a_bundled_distribution_is_judged_too(made: Made) -> None:
    made.dep["dep/_vendor/inner-3.0.dist-info/METADATA"] = metadata("inner", "3.0", "License: secret")
    (finding,) = found(made)
    assert "inner 3.0 (in dep 2.0, locked by app) says `secret`" in finding.text


def test_a_text_that_is_not_in_the_image_is_found(made: Made) -> None:
    gone = (DOC, f"{SITE}/app-1.0.dist-info/licenses/LICENSE")
    assert {(f.rule, f.path) for f in found(made, gone)} == {("no-text", f"/{path}") for path in gone}


def test_a_common_text_that_is_not_in_the_image_is_found(made: Made) -> None:
    del made.alpha["usr/share/common-licenses/GPL-2"]
    assert {(f.rule, f.path) for f in found(made)} == {("no-text", "/usr/share/common-licenses/GPL-2")}


def test_an_artefact_without_a_text_is_found_and_can_be_excused(made: Made) -> None:
    del made.app["app-1.0.dist-info/licenses/LICENSE"]
    (finding,) = found(made)
    assert (finding.rule, finding.accepted) == ("no-text", "")
    assert finding.path == f"/{SITE}/app-1.0.dist-info/METADATA"
    assert finding.text == "app 1.0 (locked by app) brings no licence text"
    excuse = "without_text: [{distribution: app, versions: ==1.0, reason: its makers ship none}]\n"
    made.policy += excuse
    outcome = Licences().run(made.subject())
    assert outcome.ok and outcome.findings[0].accepted == "its makers ship none"
    made.policy = made.policy.replace("==1.0", "==2.0")
    assert not Licences().run(made.subject()).ok


def test_a_common_text_of_debian_is_text_enough(made: Made) -> None:
    del made.app["app-1.0.dist-info/licenses/LICENSE"]
    made.app["app-1.0.dist-info/METADATA"] = metadata("app", "1.0", "License-Expression: GPL-2.0-or-later")
    assert found(made) == ()


def test_an_excuse_that_is_not_needed_is_found(made: Made) -> None:
    made.policy += "without_text: [{distribution: app, reason: its makers ship none}]\n"
    (finding,) = found(made)
    assert finding.rule == "stale" and "policy/licences.yaml:6:16 is not needed" in finding.text


def test_a_statement_about_the_text_helps_until_the_text_changes(made: Made) -> None:
    digest = say(made, "Homemade")
    made.policy += f"stated: [{{source: alpha-src, text: {digest}, licence: MIT, reason: I have read it}}]\n"
    outcome = Licences().run(made.subject())
    assert outcome.findings == ()
    assert {line["basis"] for line in outcome.predicate["artefacts"][:2]} == {"stated"}
    say(made, "Homemade-2")
    assert ["is about another text" in finding.text for finding in found(made)] == [True, True]


def test_a_statement_can_name_packages_and_names(made: Made) -> None:
    digest = say(made, "Homemade and Expat")
    made.policy += (
        f"stated: [{{source: alpha-src, packages: [alpha], text: {digest},"
        " names: {Homemade: GPL-2.0-or-later}, reason: I have read it}]\n"
    )
    (finding,) = found(made)
    assert "beta 1.1" in finding.text
    made.policy = made.policy.replace("packages: [alpha], ", "")
    outcome = Licences().run(made.subject())
    assert outcome.findings == ()
    assert outcome.predicate["artefacts"][0]["licence"] == "GPL-2.0-or-later AND MIT"


def test_a_name_that_the_text_does_not_use_is_found(made: Made) -> None:
    digest = say(made, "Homemade")
    entry = f"stated: [{{source: alpha-src, text: {digest}, names: {{Homemade: MIT, Other: MIT}},"
    made.policy += f"{entry} reason: I have read it}}]\n"
    assert {finding.rule for finding in found(made)} == {"stale"}


def test_entries_that_no_image_needs_are_told(made: Made) -> None:
    digest = say(made, "Homemade")
    made.policy += (
        "stated:\n"
        f"  - {{source: alpha-src, text: {digest}, licence: MIT, reason: I have read it}}\n"
        f"  - {{source: gone, text: {digest}, licence: MIT, reason: it is no longer there}}\n"
        "without_text: [{distribution: gone, reason: it is no longer there}]\n"
    )
    subject = made.subject()
    policy = load_policy(made.root)
    unused = entries_unused(policy, entries_used(subject, policy))
    assert [line.partition(": ")[0] for line in unused] == [
        "policy/licences.yaml:8:5", "policy/licences.yaml:9:16",
    ]  # fmt: skip


def test_the_inputs_change_with_the_policy(made: Made) -> None:
    before = Licences().inputs(made.subject())
    made.policy += "\n"
    assert Licences().inputs(made.subject()) != before


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("GPL-2.0-only", "GPL-2"), ("LGPL-2.1-or-later", "LGPL-2.1"), ("AGPL-3.0-only", "AGPL-3.0"),
        ("GFDL-1.3-no-invariants-only", "GFDL-1.3"), ("Apache-2.0", "Apache-2.0"), ("MIT", ""),
    ],
)  # fmt: skip
def test_common_texts_are_named_as_debian_does(identifier: str, name: str) -> None:
    assert common_text(identifier) == (f"/usr/share/common-licenses/{name}" if name else "")
