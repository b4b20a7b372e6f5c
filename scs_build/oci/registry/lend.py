"""Images of the store at a Docker daemon, from their first use to the end of whoever uses them."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.engines.daemon import refusal, talking
from scs_build.engines.lease import LENT, lent_name
from scs_build.errors import VerificationError
from scs_build.oci.layout import write_layout
from scs_build.oci.registry.archive import image_archive
from scs_build.oci.registry.images import Parts, parts_of
from scs_build.store.store import Store

if TYPE_CHECKING:
    from docker import APIClient

# Longer than anybody looks at images at one go; what a killed process left goes as soon as another one looks.
LENT_SECONDS = 6 * 3600


class Lender:
    """Lends images to a daemon, each under a name of ours that `close` takes away again.

    With its last name an image goes; one that somebody put there before, under another name, stays. Safe to
    use from many threads.
    """

    def __init__(self, client: APIClient, store: Store) -> None:
        self._client = client
        self._store = store
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}

    def image(self, image: str, digest: str) -> str:
        """Return the name of an image at the daemon; what it lacks is sent.

        Raises `VerificationError` when the daemon made something else of what was sent.
        """
        with self._lock:
            name = self._names.get(digest)
            if name is None:
                name = lent_name(LENT_SECONDS)
                parts = parts_of(self._store.read_bytes(digest), digest)
                try:
                    self._bring(image, parts, name)
                except BaseException:
                    self._remove(name)
                    raise
                self._names[digest] = name
            return name

    def close(self) -> None:
        """Take the names away; what does not work is left to the next one at this daemon."""
        with self._lock:
            while self._names:
                self._remove(self._names.popitem()[1])

    def _bring(self, image: str, parts: Parts, name: str) -> None:
        # Docker knows an image by its configuration; where containerd keeps them, by its manifest.
        known = (parts.config, parts.digest)
        with talking(f"send {image}"):
            if not any(self._named(identity, name) for identity in known):
                self._send(image, parts.digest, name)
            found = str(self._client.inspect_image(name)["Id"])
        if found not in known:
            raise VerificationError(
                f"{image}: the daemon loaded {parts.config} and has {found}",
                solution="report this with the output of `docker version`",
            )

    def _named(self, identity: str, name: str) -> bool:
        from docker.errors import NotFound

        try:
            return bool(self._client.tag(identity, LENT, name.partition(":")[2]))
        except NotFound:
            return False

    def _send(self, image: str, digest: str, name: str) -> None:
        with self._store.scratch("lend") as folder:
            layout = Path(folder, "oci")
            write_layout(self._store, layout, {image: digest})
            for message in self._client.load_image(image_archive(layout, digest, name), quiet=True):
                if "error" in message:
                    raise refusal(f"load {image}: {message['error']}")

    def _remove(self, name: str) -> None:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        with suppress(DockerException, RequestException):
            self._client.remove_image(name)
