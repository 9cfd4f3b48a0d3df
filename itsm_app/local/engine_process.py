"""The process of the embedded DynamoDB. It runs ministack and exits after its parent process.

This file is run as a script, so that it imports the standard library and ministack only.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

POLL_SECONDS = 0.2


def exit_with_parent(parent: int) -> None:
    """Send SIGTERM to this process as soon as its parent has ended, even if the parent was killed.

    ministack saves its tables only if SIGTERM ends it.

    Args:
        parent: The process id of the parent.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    exit_with_parent(int(sys.argv.pop()))
    from ministack.app import main

    main()
