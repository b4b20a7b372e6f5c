"""A loopback HTTP server that misbehaves on request."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 2000


@dataclass
class Mirror:
    """What the server saw, and its address; the first part of a path chooses how it behaves."""

    url: str = ""
    requests: Counter[str] = field(default_factory=Counter)
    ranges: list[str | None] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    stalled: threading.Event = field(default_factory=threading.Event)

    def behave(self, handler: BaseHTTPRequestHandler) -> None:
        behaviour = handler.path.split("/")[1]
        self.requests[handler.path] += 1
        self.ranges.append(handler.headers.get("Range"))
        getattr(self, behaviour.replace("-", "_"))(handler, self.requests[handler.path])

    def good(self, handler: BaseHTTPRequestHandler, _count: int) -> None:
        start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
        if start >= len(CONTENT):
            reply(handler, 416, b"")
            return
        extra = {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"} if start else {}
        reply(handler, 206 if start else 200, CONTENT[start:], extra)

    def busy_twice(self, handler: BaseHTTPRequestHandler, count: int) -> None:
        reply(handler, 503, b"later") if count <= 2 else self.good(handler, count)

    def busy(self, handler: BaseHTTPRequestHandler, _count: int) -> None:
        reply(handler, 503, b"later")

    def cut_once(self, handler: BaseHTTPRequestHandler, count: int) -> None:
        if count > 1:
            self.good(handler, count)
        else:
            reply(handler, 200, CONTENT[:300_000], {"Content-Length": str(len(CONTENT))})
            handler.close_connection = True

    def cut_no_range(self, handler: BaseHTTPRequestHandler, count: int) -> None:
        if count > 1:
            reply(handler, 200, CONTENT)
        else:
            self.cut_once(handler, count)

    def cut_other_range(self, handler: BaseHTTPRequestHandler, count: int) -> None:
        if count == 2:
            reply(handler, 206, CONTENT[5:], {"Content-Range": f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"})
        else:
            self.cut_once(handler, count)

    def wrong(self, handler: BaseHTTPRequestHandler, _count: int) -> None:
        reply(handler, 200, bytes(len(CONTENT)))

    def portal(self, handler: BaseHTTPRequestHandler, _count: int) -> None:
        reply(handler, 200, b"<html>please log in</html>")

    def endless(self, handler: BaseHTTPRequestHandler, _count: int) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        for _ in range(1000):
            handler.wfile.write(CONTENT)

    def stall(self, handler: BaseHTTPRequestHandler, _count: int) -> None:
        reply(handler, 200, CONTENT[:1000], {"Content-Length": str(len(CONTENT))})
        handler.wfile.flush()
        handler.close_connection = True
        self.stalled.set()
        self.closing.wait(60)

    def trickle(self, handler: BaseHTTPRequestHandler, _count: int) -> None:
        reply(handler, 200, b"", {"Content-Length": str(len(CONTENT))})
        handler.close_connection = True
        for _ in range(1000):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            if self.closing.wait(0.05):
                return

    def missing(self, handler: BaseHTTPRequestHandler, _count: int) -> None:
        reply(handler, 404, b"no")

    def elsewhere(self, handler: BaseHTTPRequestHandler, _count: int) -> None:
        reply(handler, 302, b"", {"Location": "/good/moved"})


def reply(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serve() -> Iterator[Mirror]:
    mirror = Mirror()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            try:
                mirror.behave(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield mirror
    finally:
        mirror.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
