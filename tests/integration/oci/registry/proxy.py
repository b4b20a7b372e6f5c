"""A proxy on loopback in front of a registry: passes on, counts, and does harm where it is told to."""

from __future__ import annotations

import http.client
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 1 << 16
HOP = {"connection", "transfer-encoding", "content-length", "host", "keep-alive"}


@dataclass
class Harm:
    """What is done to the next `times` requests whose `METHOD /path` a pattern finds.

    `status` answers so, with `body`, instead of passing on. `cut_request` closes the connection after so
    many bytes of what the client sends, `cut_answer` of what the registry sends. `change` alters the first
    bytes of the answer's body. `stall` says nothing until the proxy is told to do no more harm.
    """

    pattern: str
    times: int = 1 << 30
    status: int = 0
    body: bytes = b""
    cut_request: int | None = None
    cut_answer: int | None = None
    change: bool = False
    stall: bool = False


@dataclass
class Proxy:
    """What it saw (`METHOD kind` of each request, bytes of blobs sent up and down) and what it shall do."""

    host: str = ""
    harms: list[Harm] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    up: int = 0
    down: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    stalled: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def harm(self, request: str) -> Harm | None:
        """Return what shall be done to a request, and count it as done."""
        with self.lock:
            for harm in self.harms:
                if harm.times and re.search(harm.pattern, request):
                    harm.times -= 1
                    return harm
        return None

    def clear(self) -> None:
        """Forget what was seen, and do no more harm."""
        self.harms.clear()
        self.released.set()
        self.seen.clear()
        self.up = self.down = 0

    def writes(self) -> int:
        """Return how many requests changed something."""
        return sum(count for name, count in self.seen.items() if name.split()[0] in ("POST", "PUT", "PATCH"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy
    upstream: str

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def pass_on(self) -> None:
        request = f"{self.command} {self.path}"
        kind = re.sub(r".*/(blobs/uploads|blobs|manifests)/.*", r"\1", self.path)
        with self.proxy.lock:
            self.proxy.seen[f"{self.command} {kind}"] += 1
        harm = self.proxy.harm(request) or Harm("")
        if harm.stall:
            self.proxy.stalled.set()
            self.proxy.released.wait(60)
            self._cut()
            return
        if harm.status:
            self._drain()
            self._reply(harm.status, harm.body, {"Content-Type": "application/json"})
            return
        pieces = self._request_body()
        if harm.cut_request is not None:
            got = 0
            while got < harm.cut_request and (piece := next(pieces, b"")):
                got += len(piece)
            self._cut()
            return
        body = b"".join(pieces)
        with self.proxy.lock:
            self.proxy.up += len(body) if self.command in ("PATCH", "PUT") and kind == "blobs/uploads" else 0
        self._answer(harm, body, kind)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815

    def _answer(self, harm: Harm, body: bytes, kind: str) -> None:
        upstream = http.client.HTTPConnection(self.upstream)
        upstream.putrequest(self.command, self.path, skip_accept_encoding=True)
        for name, value in self.headers.items():  # some more than once
            if name.lower() not in HOP:
                upstream.putheader(name, value)
        upstream.putheader("Content-Length", str(len(body)))
        upstream.endheaders(body)
        answer = upstream.getresponse()
        content = answer.read()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP}
        length = answer.getheader("Content-Length", str(len(content)))
        upstream.close()
        with self.proxy.lock:
            self.proxy.down += len(content) if kind == "blobs" else 0
        if harm.change:
            content = bytes(byte ^ 1 for byte in content[:64]) + content[64:]
        if harm.cut_answer is not None:
            self._reply(answer.status, content[: harm.cut_answer], {**kept, "Content-Length": length})
            self._cut()
            return
        self._reply(answer.status, content, {**kept, "Content-Length": length})

    def _reply(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _drain(self) -> None:
        for _ in self._request_body():
            pass

    def _cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(2)

    def _request_body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left:
            piece = self.rfile.read(min(PIECE, left))
            if not piece:
                return
            left -= len(piece)
            yield piece

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def in_front_of(upstream: str) -> Iterator[Proxy]:
    """Run a proxy in front of the registry at `upstream` (`host:port`, without TLS)."""
    proxy = Proxy()
    handler = type("Bound", (Handler,), {"proxy": proxy, "upstream": upstream})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    proxy.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
