"""What every test begins with: the signals as a person at a terminal has them."""

from __future__ import annotations

import signal

# Whoever starts the tests in the background has signals ignored (`nohup`, `&` in a script), and programs
# inherit that: they would not hear what tests send them.
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
