"""The first process of a PID namespace: it ends, and with it all others, when a command or a pipe does.

`python keeper.py DESCRIPTOR COMMAND...`, the pipe at that descriptor. A file without imports of ours, as
each command starts it anew: in 10 ms. No shell can wait for two things.
"""

import os
import select
import sys

KILLED = 128 + 9
NOT_FOUND = 127
# An interpreter ignores them (SIGPIPE, SIGXFSZ); what it starts would inherit that.
DEFAULT_SIGNALS = (13, 25)


def keep(leash: int, argv: list[str]) -> int:
    """Run a command until it ends or the pipe `leash` has an end or a byte; return the status to end with."""
    os.set_inheritable(leash, False)
    ends = select.poll()
    ends.register(leash, select.POLLIN)
    if ends.poll(0):
        return KILLED
    try:
        pid = os.posix_spawn(argv[0], argv, _environment(), setsigdef=DEFAULT_SIGNALS)
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        return NOT_FOUND
    command = os.pidfd_open(pid)
    ends.register(command, select.POLLIN)
    if not any(descriptor == command for descriptor, _ in ends.poll()):
        return KILLED
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return 128 - status if status < 0 else status


def _environment() -> dict[bytes, bytes]:
    with open("/proc/self/environ", "rb") as stream:  # noqa: PTH123 - pathlib would double the time to start
        block = stream.read()
    pairs = (entry.partition(b"=") for entry in block.split(b"\0") if entry)
    return {name: value for name, _, value in pairs}


if __name__ == "__main__":
    os._exit(keep(int(sys.argv[1]), sys.argv[2:]))
