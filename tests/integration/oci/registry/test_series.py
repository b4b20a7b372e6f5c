"""The images of the series, as a build leaves them: into a registry, out of it, into Docker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from scs_build.build.build import BuildResult
from scs_build.canonical import sha256_bytes
from tests.integration.conftest import SERIES
from tests.integration.daemon import Daemon
from tests.integration.oci.registry.conftest import Said
from tests.integration.oci.registry.server import Registry

Call = Callable[..., Said]


def test_what_was_built_is_what_the_registry_and_docker_have(
    call: Call, built: BuildResult, registry: Registry, at_docker_daemon: Daemon, tmp_path: Path
) -> None:
    digests = {image.name: image.digest for image in built.images}
    out, mirror = tmp_path / "out", tmp_path / "mirror"
    assert call("build", "-o", out).status == 0
    to = (f"{registry.host}/scs", "--plain-http")
    pushed = call("push", "--to", *to, "-o", out, "--json").json
    assert {image["name"]: image["digest"] for image in pushed["images"]} == digests
    for digest in digests.values():
        assert f"sha256:{sha256_bytes(registry.blob(digest).read_bytes())}" == digest
    pulled = call("pull", "--from", *to, "--manifest", out / f"{SERIES}.json", "-o", mirror, "--json").json
    assert {image["name"]: image["digest"] for image in pulled["images"]} == digests
    assert {image["bytes_received"] for image in pulled["images"]} == {0}, "the store has all of it"
    assert call("verify", "-o", mirror).status == 0
    loaded = call("load", "debian", "memcached", "-o", mirror, "--json").json
    for image in loaded["images"]:
        raw = registry.blob(image["digest"]).read_bytes()
        assert image["reference"] == json.loads(raw)["config"]["digest"]
