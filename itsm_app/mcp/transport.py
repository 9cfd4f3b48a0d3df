"""Streamable HTTP without sessions: `basic/transports` in each revision.

Each message is a POST request, and each response is one JSON document. The server keeps no state
between requests, so it has no sessions and opens no streams.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Response, g, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from ..api.error_responses import explain
from ..api.errors import BodyTooLarge
from ..api.parsing import MAX_BODY_BYTES
from . import batches, json_rpc, methods
from .json_rpc import INVALID_REQUEST, Message, ProtocolError
from .revisions import LEGACY, check_non_request, revision_of

LOOPBACK = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)
JSON_MEDIA_RANGES = ("application/json", "application/*", "*/*")


def serve() -> Response:
    """Return the response to the current HTTP request."""
    try:
        _check_headers()
        body, status = _serve_body(_read_body())
    except ProtocolError as error:
        body, status = json_rpc.error_response(error, None), error.status
    response = Response(mimetype="application/json") if body is None else jsonify(body)
    response.status_code = status
    return response


def _check_headers() -> None:
    if not _is_allowed(request.headers.get("Origin"), f"{request.scheme}://{request.host}"):
        sentence = (
            "Pages of this Origin must not use this server. Use a client that is not a browser."
        )
        raise ProtocolError(INVALID_REQUEST, sentence, status=403)
    if request.mimetype != "application/json":
        sentence = "The Content-Type is not JSON. Send Content-Type: application/json."
        raise ProtocolError(INVALID_REQUEST, sentence, status=415)
    # Without the header Accept, every media type is acceptable: RFC 9110, section 12.5.1.
    accepted = {each.partition(";")[0].lower(): q for each, q in request.accept_mimetypes}
    quality = next((accepted[each] for each in JSON_MEDIA_RANGES if each in accepted), 0)
    if accepted and not quality:
        sentence = "The header Accept excludes JSON, the only format here. Add application/json."
        raise ProtocolError(INVALID_REQUEST, sentence, status=406)


def _is_allowed(origin: str | None, requested_url: str) -> bool:
    # "Security & Endpoint" requires protection against DNS rebinding: an attacker makes the host
    # name of a web page resolve to this server. The requests of this page have the same host name
    # in Origin and in Host. Equal host names are therefore accepted with HTTPS only, because this
    # server has no certificate for the attacker's host name.
    if origin is None:
        return True
    if LOOPBACK.fullmatch(requested_url):
        return LOOPBACK.fullmatch(origin) is not None
    return origin.lower() == requested_url.lower() and requested_url.startswith("https://")


def _read_body() -> bytes:
    try:
        body = request.get_data()
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
    except (BodyTooLarge, RequestEntityTooLarge) as error:
        error_body, status = explain(error)
        raise ProtocolError(INVALID_REQUEST, error_body.error, status) from None
    return body


def _serve_body(request_body: bytes) -> tuple[Any, int]:
    """Return the body and the HTTP status of the response. The body None means an empty body."""
    if json_rpc.is_batch(request_body):
        responses = batches.serve(request_body)
        return responses, 202 if responses is None else 200
    message = json_rpc.read_message(request_body)
    if message.is_request:
        return _serve_request(message)
    check_non_request(message)
    return None, 202


def _serve_request(message: Message) -> tuple[Any, int]:
    revision = None
    try:
        revision = revision_of(message)
        return json_rpc.result_response(message, methods.serve(message, revision)), 200
    except ProtocolError as error:
        # For the log.
        g.status = error.status
        # The legacy revisions define no HTTP status for errors in well-formed messages, and their
        # clients end the connection after a response with a 4xx status.
        status = 200 if revision in LEGACY else error.status
        return json_rpc.error_response(error, message.id), status
