from hypothesis import given
from hypothesis import strategies as st

from scs_build.inputs.deb.closure import walk
from scs_build.inputs.deb.package import Package, World


def package(name: str, version: str = "1", **fields: str) -> Package:
    return Package(name, version, "amd64", f"pool/{name}.deb", "0" * 64, 1, name, version, **fields)


def test_pre_depends_and_depends_are_followed() -> None:
    world = World([package("a", depends="b"), package("b", pre_depends="c"), package("c"), package("d")])
    assert walk(["a"], world).names == {"a", "b", "c"}


def test_a_version_that_does_not_fit_is_unmet() -> None:
    world = World([package("a", depends="b (>= 2)"), package("b", "1.9")])
    assert [str(need) for need in walk(["a"], world).unmet] == ["a needs b (>= 2)"]


def test_a_provider_fulfils_a_name_and_only_a_versioned_provision_a_versioned_one() -> None:
    world = World([package("a", depends="mta"), package("exim", provides="mta, smtp (= 3)")])
    assert walk(["a"], world).names == {"a", "exim"}
    for relation, fits in (("mta (>= 1)", False), ("smtp (>= 3)", True), ("smtp (>= 4)", False)):
        world = World([package("a", depends=relation), package("exim", provides="mta, smtp (= 3)")])
        assert bool(walk(["a"], world).unmet) is not fits, relation


def test_the_first_alternative_that_is_there_is_taken() -> None:
    world = World([package("a", depends="x | b | c"), package("b"), package("c")])
    assert walk(["a"], world).names == {"a", "b"}
    assert walk(["a"], world, every_alternative=True).names == {"a", "b", "c"}


def test_without_stops_the_walk_and_is_counted_also_by_a_provided_name() -> None:
    world = World(
        [package("a", depends="lsb-base"), package("sysv", provides="lsb-base", depends="b"), package("b")]
    )
    for name in ("lsb-base", "sysv"):
        result = walk(["a"], world, without=[name, "other"])
        assert (result.names, result.left_out) == ({"a"}, {name})


def test_what_parents_keep_is_not_entered() -> None:
    world = World([package("a", depends="b"), package("b", depends="c"), package("c")])
    assert walk(["a"], world, stop=["b"]).names == {"a"}


@given(st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef"))))
def test_a_closure_is_closed_and_a_larger_stop_never_adds(graph: dict[str, set[str]]) -> None:
    names = set("abcdef")
    world = World(package(name, depends=", ".join(sorted(graph.get(name, ())))) for name in sorted(names))
    reached = walk(["a"], world)
    assert all(graph.get(name, set()) <= reached.names for name in reached.names)
    assert walk(["a"], world, stop=["b"]).names <= reached.names - {"b"}
