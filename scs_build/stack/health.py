"""Asking a service, again and again, whether it works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from scs_build.errors import ProgramError
from scs_build.run import run
from scs_build.stack.compose import Healthcheck, seconds_of

STATUSES = range(-64, 256)


class Health:
    """The healthcheck of one service.

    `argv` returns the command that asks, None while there is nobody to ask, which is no failure. Failures of
    the first `start_period` do not count, later ones do as soon as there are `retries` of them in a row.
    """

    def __init__(
        self, check: Healthcheck, argv: Callable[[], list[str] | None], environment: Mapping[str, str]
    ) -> None:
        self._check = check
        self._argv = argv
        self._environment = environment
        self._stop = threading.Event()

    def watch(self, on_healthy: Callable[[], None], on_unhealthy: Callable[[str], None]) -> None:
        """Ask in a thread until `stop`; each of the two is called at most once."""
        threading.Thread(target=self._watch, args=(on_healthy, on_unhealthy), daemon=True).start()

    def stop(self) -> None:
        """Ask no more, and report nothing more."""
        self._stop.set()

    def _watch(self, on_healthy: Callable[[], None], on_unhealthy: Callable[[str], None]) -> None:
        check = self._check
        interval, period = seconds_of(check.interval), seconds_of(check.start_period)
        started = time.monotonic() + period
        pause, failures, healthy = seconds_of(check.start_interval) if period else interval, 0, False
        while not self._stop.wait(pause):
            argv = self._argv()
            if argv is None:
                continue
            problem = self._ask(argv)
            if self._stop.is_set():
                return
            if problem is None:
                failures = 0
                if not healthy:
                    healthy, pause = True, interval
                    on_healthy()
                continue
            if healthy or time.monotonic() > started:
                pause = interval
                failures += 1
            if failures >= check.retries:
                on_unhealthy(problem)
                return

    def _ask(self, argv: list[str]) -> str | None:
        """Return None when the service is well, else the last line of the answer."""
        try:
            done = run(argv, env=self._environment, timeout=seconds_of(self._check.timeout), accept=STATUSES)
        except ProgramError as error:
            return error.reason.split(":")[0]
        if done.status == 0:
            return None
        lines = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"its check ended with status {done.status}"
