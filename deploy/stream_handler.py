"""The entry point of the second Lambda function, which processes the stream of the ticket table."""

from __future__ import annotations

from typing import Any


def stream_handler(event: Any, context: Any) -> dict[str, Any]:
    """Process a batch of changes, and return the sequence numbers of the changes to repeat."""
    return {"batchItemFailures": []}
