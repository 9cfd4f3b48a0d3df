"""The process of the embedded DynamoDB: ministack, ending when the process that started it does.

Run by its path, so that nothing is imported but the standard library and ministack.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

POLL_SECONDS = 0.2


def end_with(parent: int) -> None:
    """End this process as SIGTERM does once `parent`, a process id, is no longer its parent.

    That holds for a parent that was killed and could tell nobody. ministack saves its tables on
    SIGTERM only.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with(int(sys.argv.pop()))
    from ministack.app import main

    main()
