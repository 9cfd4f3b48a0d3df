"""The time limit of DynamoDB requests that a response can do without."""

from __future__ import annotations

import time

from flask import g

# Amazon Connect waits 8 s, and one attempt takes at most 2.1 s, see `storage.connection`. So an
# optional request that would begin later than this is left out.
LAST_START_SECONDS = 4.5


def is_late() -> bool:
    """Return whether it is too late to begin an optional DynamoDB request."""
    seconds: float = time.perf_counter() - g.started
    return seconds > LAST_START_SECONDS
