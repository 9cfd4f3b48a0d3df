"""End a server in an orderly way at a signal: by `SystemExit`, as Werkzeug does.

Waitress finishes the requests that it has begun, and Python writes the log lines that wait.
"""

from __future__ import annotations

import atexit
import signal
import sys
import threading
from typing import NoReturn

from .. import config

# Longer than Waitress waits for its requests (5 s), and shorter than systemd waits for the process.
REPEAT_SECONDS = 8


def exit_at_sigterm() -> None:
    """Make SIGTERM end this server.

    Without a handler, SIGTERM kills a process at once, or has no effect if it is the first process
    of a container. A server that has its own handler keeps that handler.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and not config.in_lambda() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: exit_process(REPEAT_SECONDS))


def exit_process(repeat_seconds: float) -> NoReturn:
    """Raise `SystemExit`, and raise it again until the process ends. Call this in the main thread.

    Python ignores an exception in the callback of a weak reference, and a signal can arrive there.

    Args:
        repeat_seconds: The time until the exception is raised again.
    """
    signal.signal(signal.SIGALRM, lambda *_: exit_process(repeat_seconds))
    signal.setitimer(signal.ITIMER_REAL, repeat_seconds)
    # From now on, the process ends, and must not be interrupted.
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
    sys.exit(0)
