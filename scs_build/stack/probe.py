"""Asks a port of the network namespace that it is started in: `python probe.py PORT [PATH]`.

Ends with 0 when the port accepts a connection, or answers the path below 500. A file without imports of
ours: each question starts it anew, with `nsenter`.
"""

import socket
import sys

TIMEOUT = 5.0
REFUSED = 1


def ask(port: int, path: str | None) -> str:
    """Return why there is no answer; empty when there is one."""
    try:
        if path is None:
            socket.create_connection(("127.0.0.1", port), TIMEOUT).close()
            return ""
        from http.client import HTTPConnection, HTTPException
    except OSError as error:
        return f"127.0.0.1:{port}: {error.strerror or error}"
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"127.0.0.1:{port}{path}: {error}"
    return f"127.0.0.1:{port}{path}: status {status}" if status >= 500 else ""


if __name__ == "__main__":
    problem = ask(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
    sys.stdout.write(problem)
    sys.exit(REFUSED if problem else 0)
