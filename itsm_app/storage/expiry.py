"""How DynamoDB expires tickets: the attribute `expires_at`, in seconds since 1970.

DynamoDB deletes an expired item within a few days and returns it until then ("Working with expired
items and time to live (TTL)" in the DynamoDB Developer Guide). Every read and write therefore
ignores expired tickets itself.
"""

from __future__ import annotations

import time

# A condition on an item that is not expired. `:clock` is `clock()` as a DynamoDB number.
NOT_EXPIRED = "(attribute_not_exists(expires_at) OR expires_at > :clock)"


def clock() -> int:
    """Return the current time in seconds since 1970."""
    return int(time.time())
