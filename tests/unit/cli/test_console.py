"""Progress suits who reads it: a log gets few plain lines, a terminal gets bars and the same last lines."""

from __future__ import annotations

import io
import re
import threading
from typing import TextIO

import pytest

from scs_build.cli.console import PlainProgress, make_progress, wants_plain
from scs_build.cli.live import LiveProgress
from scs_build.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "CI", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def without_times(text: str) -> str:
    return re.sub(r"\d+\.\d s", "T", text)


def test_a_terminal_gets_bars_and_everything_else_lines() -> None:
    assert isinstance(make_progress(stream=Terminal()), LiveProgress)
    assert isinstance(make_progress(stream=io.StringIO()), PlainProgress)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("CI", "true"), ("TERM", "dumb")])
def test_the_environment_can_ask_for_lines(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert wants_plain(Terminal())


def test_a_short_task_is_one_line_with_amount_and_time() -> None:
    stream = io.StringIO()
    with PlainProgress(stream).task("fetch", 3_000_000, "bytes") as task:
        task.note("openssl")
        task.advance(1_000_000)
        task.advance(2_000_000)
    assert without_times(stream.getvalue()) == "fetch: 3.0 MB in T\n"


def test_a_long_task_is_announced_once() -> None:
    stream = io.StringIO()
    announced = threading.Event()

    class Watched(PlainProgress):
        def say(self, text: str) -> None:
            super().say(text)
            announced.set()

    with Watched(stream, long=0).task("install", 12, "packages"):
        assert announced.wait(10)
    assert without_times(stream.getvalue()) == "install (12 packages) ...\ninstall: T\n"


@pytest.mark.parametrize("kind", [PlainProgress, LiveProgress])
def test_a_task_that_fails_says_so(kind: type[PlainProgress | LiveProgress]) -> None:
    stream = io.StringIO()
    with pytest.raises(ZeroDivisionError), kind(stream).task("install"):
        raise ZeroDivisionError
    assert "install: failed after" in stream.getvalue()


def test_verbose_tells_what_is_worked_on() -> None:
    stream = io.StringIO()
    with PlainProgress(stream, verbose=True).task("fetch") as task:
        task.note("openssl")
    assert stream.getvalue().startswith("fetch: openssl\n")


def lines_of(progress: Progress, stream: TextIO) -> list[str]:
    def work(number: int) -> None:
        with progress.task(f"task {number}", 100, "files") as task:
            for _ in range(100):
                task.advance()
            progress.say(f"said [{number}]")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stream.seek(0)
    return [line for line in without_times(stream.read()).splitlines() if line.strip()]


@pytest.mark.parametrize("kind", [PlainProgress, LiveProgress])
def test_many_threads_lose_and_mix_nothing(kind: type[PlainProgress | LiveProgress]) -> None:
    stream = io.StringIO()
    expected = [f"task {number}: 100 files in T" for number in range(8)]
    expected += [f"said [{number}]" for number in range(8)]
    lines = lines_of(kind(stream), stream)
    assert sorted(line for line in lines if ":" in line or "said" in line) == sorted(expected)


def test_a_terminal_can_be_used_again_after_the_bars() -> None:
    stream = Terminal()
    progress = LiveProgress(stream)
    for name in ("first", "second"):
        with progress.task(name, 10, "bytes") as task:
            task.advance(10)
            task.note("x[/]y")
    assert "first: < 0.1 MB" in stream.getvalue() and "second: < 0.1 MB" in stream.getvalue()
