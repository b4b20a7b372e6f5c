"""Every artefact of every image has a free licence whose text is there, and no statement is left over."""

from __future__ import annotations

import pytest

from scs_build.evidence.licence_policy import load_policy
from scs_build.evidence.licences import Licences, entries_unused, entries_used
from tests.integration.conftest import ROOT
from tests.integration.evidence.images import ALL, NAMES, SERIES, subjects


@pytest.mark.parametrize(("series", "name"), ALL)
def test_every_artefact_has_a_free_licence(series: str, name: str) -> None:
    outcome = Licences().run(subjects(series)[name])
    assert [finding for finding in outcome.findings if not finding.accepted] == []
    lines = outcome.predicate["artefacts"]
    assert lines and all(line["licence"] and line["basis"] != "unknown" for line in lines)
    without = {line["id"] for line in lines if not line["texts"]}
    excused = {"wheel:pastedeploy", "wheel:python-memcached", "wheel:repoze-lru"}
    common = {"wheel:ldappool", "wheel:testscenarios"}  # Debian's base-files brings theirs
    assert without <= excused | common


def test_every_entry_of_the_policy_is_needed() -> None:
    policy = load_policy(ROOT)
    used = {
        entry for series in SERIES for name in NAMES for entry in entries_used(subjects(series)[name], policy)
    }
    assert entries_unused(policy, used) == []
