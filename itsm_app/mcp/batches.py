"""JSON-RPC batches, which only revision 2025-03-26 has: "Batching" in `basic`."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from flask import g
from msgspec import Raw

from . import json_rpc, methods
from .json_rpc import INTERNAL_ERROR, INVALID_REQUEST, ProtocolError
from .revisions import WITH_BATCHES, is_modern, revision_in_header

MAX_MESSAGES = 10
# After this time, the server starts no further message of a batch. One message can take up to 7 s,
# including the two retries that all messages of the batch share. Amazon Connect waits 8 s, so the
# last message must start within 1 s.
MAX_SECONDS = 1
# After this many bytes of responses, the server starts no further message of a batch. Lambda
# returns at most 6 MB. It encodes the response as a JSON string, in which each quotation mark and
# each backslash takes one more byte.
MAX_RESPONSE_BYTES = 2_000_000


def serve(body: bytes) -> list[Raw] | None:
    """Return the responses to the requests of a batch. None if the batch has no requests.

    Raises:
        ProtocolError: The batch as a whole is rejected.
    """
    if revision_in_header() not in (None, WITH_BATCHES):
        sentence = (
            f"Only revision {WITH_BATCHES} has batches. Send each message in its own request."
        )
        raise ProtocolError(INVALID_REQUEST, sentence)
    messages = json_rpc.split_batch(body)
    if not 1 <= len(messages) <= MAX_MESSAGES:
        sentence = f"The batch is empty or too long. Send 1 to {MAX_MESSAGES} messages in a batch."
        raise ProtocolError(INVALID_REQUEST, sentence)
    responses: list[bytes] = []
    worst_status = 0
    for message in messages:
        is_late = time.perf_counter() - g.started > MAX_SECONDS
        is_long = sum(map(len, responses)) > MAX_RESPONSE_BYTES
        response = _serve_element(message, is_late or is_long)
        worst_status = max(worst_status, g.pop("status", 0))
        responses += [] if response is None else [msgspec.json.encode(response)]
    # The log has one line for the whole batch. This line has the worst status and names no tool.
    g.pop("tool", None)
    if worst_status:
        g.status = worst_status
    return [Raw(each) for each in responses] or None


def _serve_element(element: bytes, over_limit: bool) -> dict[str, Any] | None:
    request_id = None
    try:
        message = json_rpc.read_message(element)
        if not message.is_request:
            return None
        request_id = message.id
        if message.method == "initialize" or is_modern(message):
            sentence = "This message must not be in a batch. Send the message in its own request."
            raise ProtocolError(INVALID_REQUEST, sentence)
        if over_limit:
            sentence = (
                "This message was not processed, because the batch takes too long or its responses"
                " are too long. Send this message again, in its own request."
            )
            raise ProtocolError(INTERNAL_ERROR, sentence, status=503)
        return json_rpc.result_response(message, methods.serve(message, WITH_BATCHES))
    except ProtocolError as error:
        # For the log.
        g.status = error.status
        return json_rpc.error_response(error, request_id)
