"""Images move side by side, but not two that share a layer; a failure is the failure of one."""

from __future__ import annotations

import signal
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.errors import RegistryError
from scs_build.oci.registry.images import Moved, Wanted
from scs_build.oci.registry.together import together


def moved(image: Wanted) -> Moved:
    return Moved(image.name, image.digest, image.name, "sent", 1, 0, 0.0)


def nothing() -> None:
    pass


@given(
    st.lists(st.sets(st.sampled_from("abcdef"), max_size=4), max_size=8),
    st.integers(1, 4),
    st.sets(st.integers(0, 7)),
)
def test_no_layer_is_moved_by_two_at_once_and_all_images_have_their_turn(
    stacks: list[set[str]], jobs: int, broken: set[int]
) -> None:
    lock, busy = threading.Lock(), set[str]()
    images = [Wanted(str(n), f"d{n}", dict.fromkeys(sorted(layers), 1)) for n, layers in enumerate(stacks)]
    first: dict[str, str] = {}
    for image in images:
        for layer in image.layers:
            first.setdefault(layer, image.name)

    def move(image: Wanted) -> Moved:
        own = {layer for layer in image.layers if first[layer] == image.name}
        with lock:
            assert not busy & set(image.layers)
            busy.update(own)
        with lock:
            busy.difference_update(own)
        if int(image.name) in broken:
            raise RegistryError("no")
        return moved(image)

    outcome = together(images, jobs, move, nothing)
    failed = [image.name for image in images if int(image.name) in broken]
    assert list(outcome.failures) == failed
    assert [image.name for image in outcome.images] == [i.name for i in images if i.name not in failed]


def test_an_image_waits_for_the_one_that_moves_its_layer() -> None:
    images = [Wanted("a", "d", {"x": 1}), Wanted("b", "e", {"x": 1, "y": 1}), Wanted("c", "f", {"z": 1})]
    started = {image.name: threading.Event() for image in images}

    def move(image: Wanted) -> Moved:
        started[image.name].set()
        if image.name == "a":
            assert started["c"].wait(30) and not started["b"].wait(0.2)
        return moved(image)

    assert len(together(images, 3, move, nothing).images) == 3


def test_an_interrupt_stops_what_runs() -> None:
    stopped, started = threading.Event(), list[str]()

    def move(image: Wanted) -> Moved:
        started.append(image.name)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        assert stopped.wait(30)
        return moved(image)

    images = [Wanted(name, name, {}) for name in ("a", "b", "c")]
    with pytest.raises(KeyboardInterrupt):
        together(images, 1, move, stopped.set)
    assert started == ["a"]


def test_images_without_a_common_layer_move_at_the_same_time() -> None:
    barrier = threading.Barrier(2, timeout=30)
    images = [Wanted("a", "d", {"x": 1}), Wanted("b", "e", {"y": 1})]

    def move(image: Wanted) -> Moved:
        barrier.wait()
        return moved(image)

    assert len(together(images, 2, move, nothing).images) == 2


def test_a_malfunction_is_not_taken_for_a_failure() -> None:
    def move(image: Wanted) -> Moved:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        together([Wanted("a", "d", {})], 1, move, nothing)
