"""Asking servers in daemon threads: Ctrl-C must not wait for a stalled mirror, as an executor would."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from scs_build.web import new_session

if TYPE_CHECKING:
    import requests

_T = TypeVar("_T")
_R = TypeVar("_R")


def in_threads(
    work: Callable[[requests.Session, _T], _R], items: Sequence[_T], jobs: int, stop: threading.Event
) -> list[_R]:
    """Return the result of `work` for each item, in order, each thread with a session of its own.

    What an item raises is raised here; `stop` is set then, and no further item is begun.
    """
    waiting: queue.SimpleQueue[tuple[_T, Future[_R]]] = queue.SimpleQueue()
    futures: list[Future[_R]] = []
    for item in items:
        futures.append(Future())
        waiting.put((item, futures[-1]))

    def worker() -> None:
        with new_session() as session:
            while not stop.is_set():
                try:
                    item, future = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    future.set_result(work(session, item))
                except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
                    future.set_exception(error)

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(jobs, len(items)))]
    for thread in threads:
        thread.start()
    try:
        results = [future.result() for future in futures]
    except BaseException:
        stop.set()
        raise
    for thread in threads:
        thread.join()
    return results
