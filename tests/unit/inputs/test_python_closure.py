import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.errors import ResolutionError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.python.closure import check_closure
from scs_build.inputs.python.environment import environment
from scs_build.inputs.python.requirements import Need, applicable, asked_extras, read
from scs_build.recipes.models import PythonChannel

CHANNEL = PythonChannel(version="3.13", manylinux="2_41", prefix="/venv")
HERE = environment(CHANNEL, "linux/amd64")


def line(name: str, version: str = "1", *requires: str, extras: tuple[str, ...] = ()) -> Artefact:
    data = {"file": f"{name}.whl", "requires": list(requires), **({"extras": list(extras)} if extras else {})}
    return Artefact("wheel", name, version, "0" * 64, 1, data=data)


def world(*lines: Artefact) -> dict[str, Artefact]:
    return {each.name: each for each in lines}


def reasons(root: str, *lines: Artefact, below: tuple[Artefact, ...] = ()) -> list[str]:
    return [finding.reason for finding in check_closure([read(root)], world(*lines), world(*below))]


@pytest.mark.parametrize(
    ("text", "extras", "found"),
    [
        ("A.b_C >=1,<2", (), "a-b-c<2,>=1"),
        ("a; python_version >= '3.13' and sys_platform == 'linux'", (), "a"),
        ("a; platform_machine == 'aarch64'", (), None),
        ("a; extra == 'x'", (), None),
        ("a; extra == 'x'", ("y", "x"), "a"),
        ("a[Z,y]", (), "a[y,z]"),
        ("a @ https://example.org/a.whl ; extra == 'dev'", (), None),
    ],
)
def test_markers_are_evaluated_for_the_series(text: str, extras: tuple[str, ...], found: str | None) -> None:
    needs = applicable("b", [text], extras, HERE)
    assert [str(need) for need in needs] == ([found] if found else [])


@pytest.mark.parametrize("text", ["a @ https://example.org/a.whl", "a (", "a=>1"])
def test_what_no_lock_line_can_say_is_an_error_that_names_who_says_it(text: str) -> None:
    with pytest.raises(ResolutionError, match=r"^b requires"):
        applicable("b", [text], (), HERE)


def test_extras_lead_on_also_to_the_distribution_itself() -> None:
    requires = {
        "app": ("app[ldap]; extra == 'all'", "ldap; extra == 'ldap'", "base[one]"),
        "base": ("one; extra == 'one'", "two; extra == 'two'"),
        "ldap": ("base[two]",),
    }
    asked = asked_extras([read("app[all]")], requires, HERE)
    assert asked == {
        "app": {"all", "ldap"}, "base": {"one", "two"}, "ldap": set(), "one": set(), "two": set()
    }  # fmt: skip


def test_a_closed_lock_has_no_findings() -> None:
    lines = (line("app", "2", "lib>=1", "lib[fast]"), line("lib", "1", "c", extras=("fast",)), line("c"))
    assert reasons("app~=2.0", *lines) == []


def test_what_a_lock_lacks() -> None:
    app = line("app", "2", "lib[fast]>=1")
    assert reasons("app", app) == ["app 2 requires lib[fast]>=1, which is not in the lock"]
    assert reasons("app", app, line("lib", "0.9", extras=("fast",))) == [
        "app 2 requires lib[fast]>=1, locked is 0.9"
    ]
    assert reasons("app", app, line("lib")) == [
        "app 2 requires lib[fast]>=1, and lib 1 is locked without [fast]"
    ]
    assert reasons("app>2", line("app", "2")) == ["the recipe requires app>2, locked is 2"]
    assert reasons("app", line("app", "no version")) == ["the recipe requires app, locked is no version"]


def test_what_a_lock_has_too_much() -> None:
    assert reasons("app", line("app"), line("lib")) == ["lib is locked and nothing needs it"]
    circle = (line("a", "1", "b"), line("b", "1", "a"))
    assert reasons("app", line("app"), *circle) == [
        "a is locked and nothing needs it", "b is locked and nothing needs it",
    ]  # fmt: skip
    assert reasons("app", line("app", extras=("x",))) == ["app is locked with [x] and nothing needs that"]


def test_what_lies_below_counts_and_is_not_followed() -> None:
    below = (line("lib", "1", "not-here"),)
    assert reasons("app", line("app", "1", "lib"), below=below) == []
    assert reasons("app", line("app", "1", "lib>1"), below=below) == ["app 1 requires lib>1, locked is 1"]


NAMES = list("abcdef")
GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES), max_size=3))


@given(GRAPHS)
def test_what_a_walk_locks_is_closed_and_every_line_of_it_is_needed(graph: dict[str, set[str]]) -> None:
    asked = asked_extras([read("a")], graph, HERE)
    lines = world(*(line(name, "1", *sorted(graph.get(name, ()))) for name in sorted(asked)))
    root = [Need("a", frozenset(), "")]
    assert check_closure(root, lines, {}) == []
    for name in lines:
        assert check_closure(root, {n: each for n, each in lines.items() if n != name}, {})
    for name in sorted(set(NAMES) - lines.keys()):
        assert check_closure(root, lines | world(line(name)), {})
