"""End a helper process together with the process that started it."""

from __future__ import annotations

import os
import signal
import threading
import time

POLL_SECONDS = 0.2


def end_with(parent: int) -> None:
    """Send SIGTERM to this process once `parent`, a process id, is no longer its parent.

    This also works if the parent was killed.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
