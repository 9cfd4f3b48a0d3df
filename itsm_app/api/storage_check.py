"""Whether the table can be read."""

from __future__ import annotations

import time
from threading import Lock

from flask import current_app

from ..storage.errors import StorageUnavailable
from ..tickets.get import check_storage

MAX_AGE_SECONDS = 5


def require_storage() -> None:
    """Raise `StorageUnavailable` if the table cannot be read.

    Anybody can request the health check, so a process reads DynamoDB at most every
    `MAX_AGE_SECONDS`. In between, the result of the last read counts.
    """
    last = current_app.extensions.setdefault("storage_check", _LastCheck())
    with last.lock:
        if last.time is None or time.monotonic() - last.time > MAX_AGE_SECONDS:
            last.error = None
            try:
                check_storage()
            except StorageUnavailable as error:
                last.error = error
            last.time = time.monotonic()
        if last.error is not None:
            # Each `raise` would lengthen the stored traceback.
            raise last.error.with_traceback(None)


class _LastCheck:
    def __init__(self) -> None:
        self.lock = Lock()
        self.time: float | None = None
        self.error: StorageUnavailable | None = None
