"""Exit codes are a public interface: unique, and in the range that says whose fault it is."""

from __future__ import annotations

from scs_build.cli import ends
from scs_build.cli.reference import ENDS, error_classes
from scs_build.errors import FetchError, InfrastructureError, InputError, RecipeError, ResultError


def test_every_class_has_its_own_code_and_meaning() -> None:
    classes = error_classes()
    assert len(classes) > 20
    assert len({kind.exit_code for kind in classes}) == len(classes)
    assert len({kind.meaning for kind in classes}) == len(classes)
    assert not {kind.exit_code for kind in classes} & ENDS.keys()


def test_the_range_says_whose_fault_it_is() -> None:
    ranges = {InputError: range(10, 30), ResultError: range(30, 40), InfrastructureError: range(40, 60)}
    for kind in error_classes()[1:]:
        (family,) = (family for family in ranges if issubclass(kind, family))
        assert kind.exit_code in ranges[family], kind


def test_of_several_failures_the_wrong_input_counts() -> None:
    failures = {"a": FetchError("mirror is gone"), "b": RecipeError("no such user")}
    assert ends.report_all(failures) == RecipeError.exit_code
