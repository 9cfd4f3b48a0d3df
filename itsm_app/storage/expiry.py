"""How DynamoDB expires tickets: the attribute `expires_at`, in seconds since 1970.

DynamoDB deletes an expired item within a few days and returns it until then ("Working with expired
items and time to live (TTL)" in the DynamoDB Developer Guide). Code that must not see expired
tickets therefore checks `expires_at`. A function that also returns expired tickets says so in its
docstring.
"""

from __future__ import annotations

import time

# A condition that is true if the item is not expired. `:clock` is `clock()` as a DynamoDB number.
NOT_EXPIRED = "(attribute_not_exists(expires_at) OR expires_at > :clock)"


def clock() -> int:
    """Return the current time in seconds since 1970."""
    return int(time.time())
