"""skopeo of the tools tree: copies one image by digest, reads one manifest, ends when it is told to."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from scs_build.engines.tools import ToolsTree
from scs_build.errors import RegistryError, ScsBuildError, UnknownNameError
from scs_build.oci.registry.access import Access, certificate_folder, registry_environment
from scs_build.oci.registry.refusal import concerns_all, refusal
from scs_build.run import Completed, run

# What the pinned skopeo says, with --debug, when a blob needs no more work.
DONE = re.compile(r"(Skipping blob|Upload of layer) (sha256:[0-9a-f]{64})")
UPLOADED = "Upload of layer"
DEBUG = " level=debug "
# Seconds until an answer counts as missing, and bytes per second below which a transfer counts as stalled.
PATIENCE = 60
SLOWEST = 50_000
# Seconds before each further attempt when the network or the registry fails (skopeo's own attempts leave
# out a registry that says 503, and an upload that breaks off).
PAUSES = (1.0, 2.0, 4.0)

Heard = Callable[[str, bool], None]


class Skopeo:
    """skopeo with one way to reach registries; `room` is a scratch folder that outlives it.

    Safe for many threads.
    """

    def __init__(self, tools: ToolsTree, access: Access, room: Path) -> None:
        self._room = room
        self._tools = tools
        self._environment = registry_environment()
        self._plain = access.plain_http
        self._certificates = certificate_folder(access, room)
        self._running: set[int] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        # Why the registry cannot be reached at all, once that is known: nobody waits for that again.
        self._down: ScsBuildError | None = None

    def raw(self, reference: str, *, config: bool = False) -> bytes | None:
        """Return the manifest (or the configuration) of an image as a registry serves it.

        `reference` is `HOST/NAME:TAG` or `HOST/NAME@DIGEST`. None: the registry does not have it. Raises
        what `refusal` says.
        """
        options = ["inspect", "--raw", *(["--config"] if config else []), *self._options("")]
        try:
            return self._run([*options, f"docker://{reference}"], PATIENCE, reference)
        except UnknownNameError:
            return None

    def send(self, layout: Path, blobs: Path, reference: str, size: int, heard: Heard) -> None:
        """Copy the one image of a layout, of `size` bytes, into a registry, and never change its digest.

        `blobs` is the folder of the layout's blobs. `heard(digest, sent)` is called when a blob needs no more
        work. Raises what `refusal` says.
        """
        options = ["--src-shared-blob-dir", str(blobs), *self._options("dest-")]
        self._copy([*options, f"oci:{layout}", f"docker://{reference}"], size, reference, heard)

    def receive(self, reference: str, layout: Path, blobs: Path, size: int) -> None:
        """Copy an image of `size` bytes from a registry into a new layout; blobs that are there do not come.

        Raises what `refusal` says, `UnknownNameError` when the registry does not have it.
        """
        options = ["--dest-shared-blob-dir", str(blobs), *self._options("src-")]
        self._copy([*options, f"docker://{reference}", f"oci:{layout}"], size, reference, None)

    def new_folder(self) -> Path:
        """Return a name for a folder in the room that nobody else uses."""
        return self._room / uuid4().hex

    def stop(self) -> None:
        """End what runs and start nothing more."""
        with self._lock:
            self._stopped.set()
            for pid in self._running:
                _kill(pid)

    def _copy(self, options: Sequence[str], size: int, reference: str, heard: Heard | None) -> None:
        def listen(line: str) -> None:
            if heard and (found := DONE.search(line)):
                heard(found[2], found[1] == UPLOADED)

        argv = ["copy", "--preserve-digests", "--remove-signatures", *options]
        self._run(argv, PATIENCE + size // SLOWEST, reference, listen)

    def _options(self, side: str) -> list[str]:
        # Said in so many words: the machine's own registries.conf shall not decide about TLS.
        options = [f"--{side}tls-verify={'false' if self._plain else 'true'}"]
        if self._certificates:
            options += [f"--{side}cert-dir", str(self._certificates)]
        return options

    def _run(
        self, argv: Sequence[str], patience: int, reference: str, listen: Callable[[str], None] | None = None
    ) -> bytes:
        """Run skopeo, again after a pause when the registry or the way to it failed; return its output."""
        for pause in (*PAUSES, None):
            if self._down:
                raise self._down
            done, said = self._once(argv, patience, listen)
            if done.status == 0:
                return done.stdout
            error = refusal(reference, said, done.status)
            last = pause is None or not isinstance(error, RegistryError)
            if last and concerns_all(said):
                self._down = error
            if last or self._stopped.wait(pause):
                raise error
        raise AssertionError("the last attempt returns or raises")

    def _once(
        self, argv: Sequence[str], patience: int, listen: Callable[[str], None] | None
    ) -> tuple[Completed, str]:
        said: list[str] = []
        pids: list[int] = []

        def hear(line: str) -> None:
            if listen:
                listen(line)
            if DEBUG not in line:
                said.append(line)

        def started(pid: int) -> None:
            pids.append(pid)
            with self._lock:
                self._running.add(pid)
                if self._stopped.is_set():
                    _kill(pid)

        options = ["--insecure-policy", "--command-timeout", f"{patience}s", *(["--debug"] if listen else [])]
        command = self._tools.argv("skopeo", *options, *argv)
        try:
            done = run(command, env=self._environment, started=started, talk=hear, accept=range(-64, 256))
        finally:
            with self._lock:
                self._running.difference_update(pids)
        if self._stopped.is_set():
            raise CancelledError
        return done, "".join(said)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
