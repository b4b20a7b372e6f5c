import re

from scs_build.build.build import BuildResult
from scs_build.stack.run import StackRun


def test_keystone_gives_a_real_token(identity: StackRun) -> None:
    proof = identity.facts["proof"]
    assert proof["projects"] == ["admin"]
    assert proof["wrong_password_status"] == 401
    assert proof["token_in_header"] is True
    assert re.fullmatch(r"v3\.\d+", proof["api_version"])
    assert 0 < proof["seconds_to_token"] < identity.seconds


def test_keystone_uses_its_cache(identity: StackRun) -> None:
    assert identity.facts["proof"]["cache"]["get_hits"] > 0


def test_what_ran_is_what_was_built(identity: StackRun, built: BuildResult) -> None:
    digests = {image.name: image.digest for image in built.images}
    assert {i.name: i.digest for i in identity.images}.items() <= digests.items()


def test_every_service_ends_well_when_told_to(identity: StackRun) -> None:
    ended = identity.facts["ended"]
    assert {name: end["status"] for name, end in ended.items()} == {
        "mariadb": 0,
        "memcached": 0,
        "keystone": 0,
    }
    assert not any(end["killed"] for end in ended.values())


def test_steps_run_in_the_order_of_their_conditions(identity: StackRun) -> None:
    started = list(identity.facts["seconds_to_ready"])
    assert (
        started.index("mariadb")
        < started.index("db-sync")
        < started.index("bootstrap")
        < started.index("keystone")
    )
    assert started.index("fernet-setup") < started.index("bootstrap")


def test_a_result_holds_no_whole_token(identity: StackRun) -> None:
    assert identity.facts["proof"]["token"].endswith("...")
    assert len(identity.facts["proof"]["token"]) < 20


def test_memory_is_told_for_what_keeps_running(identity: StackRun) -> None:
    memory = identity.facts["memory_bytes"]
    assert memory.keys() == {"mariadb", "memcached", "keystone"}
    assert all(size > 1_000_000 for size in memory.values())
