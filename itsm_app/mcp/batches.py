"""Streamable HTTP, stateless: each message is a POST, each answer one JSON.

`basic/transports` in each revision of the Model Context Protocol. Nothing is kept from one request
to the next, so there is no session and no stream.
"""

from __future__ import annotations

import re
import time
from typing import Any

import msgspec
from flask import Response, g, jsonify, request
from msgspec import Raw
from werkzeug.exceptions import RequestEntityTooLarge

from ..api.error_responses import explain
from ..api.errors import BodyTooLarge
from ..api.parsing import MAX_BODY_BYTES
from . import json_rpc, methods
from .json_rpc import INTERNAL_ERROR, INVALID_REQUEST, Message, ProtocolError
from .revisions import LEGACY, UNNAMED, check_unanswered, is_modern, named, revision_of

LOOPBACK = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)
JSON_RANGES = ("application/json", "application/*", "*/*")

MAX_BATCH = 10
# A batch has the retries of one call, and with all of them a call takes up to 7 s of the 8 that
# Amazon Connect waits: so no message of a batch is begun later than this.
BATCH_SECONDS = 1
# Nor is one begun after so many bytes: a Lambda answers with 6 MB at most, and in those each quote
# is escaped once more.
BATCH_BYTES = 2_000_000

# What an answer says, None if nothing, and its status.
Answer = tuple[Any, int]


def serve() -> Response:
    """Answer the current request."""
    try:
        _check_headers()
        body = _body()
        answer, status = _batch(body) if json_rpc.is_batch(body) else _message(body)
    except ProtocolError as error:
        answer, status = json_rpc.refusal(error, None), error.status
    response = Response(mimetype="application/json") if answer is None else jsonify(answer)
    response.status_code = status
    return response


def _check_headers() -> None:
    if not _may_call(request.headers.get("Origin"), f"{request.scheme}://{request.host}"):
        sentence = "No page of this Origin may call here. Call without a browser."
        raise ProtocolError(INVALID_REQUEST, sentence, status=403)
    if request.mimetype != "application/json":
        raise ProtocolError(INVALID_REQUEST, "Send Content-Type: application/json.", status=415)
    # Without the header, anything will do: RFC 9110, section 12.5.1.
    accepted = {each.partition(";")[0].lower(): q for each, q in request.accept_mimetypes}
    if accepted and not next((accepted[each] for each in JSON_RANGES if each in accepted), 0):
        sentence = "All answers here are application/json. Send an Accept that admits it."
        raise ProtocolError(INVALID_REQUEST, sentence, status=406)


def _may_call(origin: str | None, here: str) -> bool:
    # "Security & Endpoint": a page whose host name was made to lead to this machine has that name
    # as Origin and as Host. It has no certificate for ours, though, and its name is not loopback.
    if origin is None:
        return True
    if LOOPBACK.fullmatch(here):
        return LOOPBACK.fullmatch(origin) is not None
    return origin.lower() == here.lower() and here.startswith("https://")


def _body() -> bytes:
    try:
        body = request.get_data()
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
    except (BodyTooLarge, RequestEntityTooLarge) as error:
        told, status = explain(error)
        raise ProtocolError(INVALID_REQUEST, told.error, status) from None
    return body


def _message(body: bytes) -> Answer:
    message = json_rpc.read(body)
    if message.is_request:
        return _answer(message)
    check_unanswered(message)
    return None, 202


def _answer(message: Message) -> Answer:
    revision = None
    try:
        revision = revision_of(message)
        return json_rpc.result(message, methods.serve(message, revision)), 200
    except ProtocolError as error:
        g.status = error.status
        # Of errors in messages that are well-formed the legacy revisions have no status, and their
        # clients take a 4xx for the end of the connection.
        status = 200 if revision in LEGACY else error.status
        return json_rpc.refusal(error, message.id), status


def _batch(body: bytes) -> Answer:
    if named() not in (None, UNNAMED):
        sentence = f"Only {UNNAMED} has batches. Send each message as a POST of its own."
        raise ProtocolError(INVALID_REQUEST, sentence)
    messages = json_rpc.split(body)
    if not 1 <= len(messages) <= MAX_BATCH:
        raise ProtocolError(INVALID_REQUEST, f"A batch has 1 to {MAX_BATCH} messages.")
    answers: list[bytes] = []
    worst = 0
    for each in messages:
        late = time.perf_counter() - g.started > BATCH_SECONDS
        answer = _element(each, late or sum(map(len, answers)) > BATCH_BYTES)
        worst = max(worst, g.pop("status", 0))
        answers += [] if answer is None else [msgspec.json.encode(answer)]
    # One line in the log, of no tool, and as bad as the worst.
    g.pop("tool", None)
    if worst:
        g.status = worst
    return ([Raw(each) for each in answers], 200) if answers else (None, 202)


def _element(body: bytes, late: bool) -> Any:
    own = None
    try:
        message = json_rpc.read(body)
        if not message.is_request:
            return None
        own = message.id
        if message.method == "initialize" or is_modern(message):
            raise ProtocolError(INVALID_REQUEST, "Not in a batch. Send it as a POST of its own.")
        if late:
            sentence = "Nothing was done: the batch takes too long. Send this again, on its own."
            raise ProtocolError(INTERNAL_ERROR, sentence, status=503)
        return json_rpc.result(message, methods.serve(message, UNNAMED))
    except ProtocolError as error:
        g.status = error.status
        return json_rpc.refusal(error, own)
