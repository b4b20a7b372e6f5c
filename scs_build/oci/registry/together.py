"""Several images at once, each layer moved by one of them; one that fails does not stop the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from scs_build.errors import ScsBuildError
from scs_build.oci.registry.images import Moved, Outcome, Wanted


def together(
    images: Sequence[Wanted], jobs: int, move: Callable[[Wanted], Moved], stop: Callable[[], None]
) -> Outcome:
    """Move images, `jobs` at a time; those that share a layer with one before wait for it.

    So a layer is not moved twice at the same time: the second finds it there. `stop` ends what runs when
    somebody interrupts.
    """
    began = time.monotonic()
    futures: dict[str, Future[Moved]] = {}
    owners: dict[str, Future[Moved]] = {}
    with ThreadPoolExecutor(jobs) as pool:
        for image in images:
            before = {owners[layer] for layer in image.layers if layer in owners}
            # Whom it waits for was handed in before, so there is always one that waits for nobody.
            future = pool.submit(_after, before, move, image)
            futures[image.name] = future
            for layer in image.layers:
                owners.setdefault(layer, future)
        try:
            errors = {name: future.exception() for name, future in futures.items()}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise
    for error in errors.values():
        if error is not None and not isinstance(error, ScsBuildError):
            raise error
    failures = {name: error for name, error in errors.items() if isinstance(error, ScsBuildError)}
    moved = tuple(future.result() for name, future in futures.items() if name not in failures)
    return Outcome(moved, failures, time.monotonic() - began)


def _after(before: set[Future[Moved]], move: Callable[[Wanted], Moved], image: Wanted) -> Moved:
    wait(before)
    return move(image)
