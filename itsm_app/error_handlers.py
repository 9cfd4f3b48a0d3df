"""The one table of errors, and the one place where an error becomes JSON."""

from __future__ import annotations

import logging
from typing import NamedTuple

from flask import Flask, Response, g, jsonify
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
)

from .exceptions import (
    BodyTooLarge,
    IdempotencyKeyReused,
    InvalidBody,
    InvalidField,
    MisheardNumber,
    StorageUnavailable,
    TicketFull,
    TicketNotFound,
)

_logger = logging.getLogger(__name__)


class Failure(NamedTuple):
    """What a client is told. `{names}` in the sentence are attributes of the exception."""

    status: int
    code: str
    sentence: str


BODY_TOO_LARGE = Failure(
    413, "body_too_large", "The body is over 64 KiB. Shorten the text and send it again."
)
NO_SUCH_OPERATION = Failure(
    404,
    "no_such_operation",
    "There is no such operation. There are POST /tickets, GET /tickets/{{id}},"
    " POST /tickets/{{id}}/comments and GET /tickets?caller={{caller_id}}.",
)

FAILURES: dict[type[Exception], Failure] = {
    InvalidBody: Failure(
        400, "invalid_body", "The body must be one JSON object in UTF-8; correct it and send again."
    ),
    InvalidField: Failure(400, "invalid_field", "`{field}` {requirement}."),
    MisheardNumber: Failure(
        400,
        "misheard_number",
        "No ticket can have this number of {digits} digits: a ticket number has 12, and one of them"
        " checks the others. Ask the caller to say it again, digit by digit.",
    ),
    IdempotencyKeyReused: Failure(
        409,
        "idempotency_key_reused",
        "This idempotency_key was sent before, with other words, and those are kept. Send what is"
        " new under a new key.",
    ),
    TicketFull: Failure(
        409,
        "ticket_full",
        "This ticket has no room for the comment. Open a follow-up ticket that names this one, and"
        " add the comment there.",
    ),
    TicketNotFound: Failure(
        404,
        "ticket_not_found",
        "No ticket has this id. Check the id, or list the caller's tickets.",
    ),
    BodyTooLarge: BODY_TOO_LARGE,
    RequestEntityTooLarge: BODY_TOO_LARGE,
    StorageUnavailable: Failure(
        500,
        "storage_unavailable",
        "The tickets cannot be reached. Repeat the call in a few seconds; if it fails again,"
        " tell the caller that the ticket system is down and keep what they said.",
    ),
    NotFound: NO_SUCH_OPERATION,
    MethodNotAllowed: NO_SUCH_OPERATION,
    HTTPException: Failure(
        400, "bad_request", "The request could not be read as HTTP. Correct it and send it again."
    ),
    Exception: Failure(
        500,
        "internal_error",
        "Something went wrong that should not have. Repeat the call in a few seconds; if it fails"
        " again, give the request_id to whoever runs this service.",
    ),
}


def init_app(app: Flask) -> None:
    """Answer every exception by the table, in debug mode too."""
    app.register_error_handler(Exception, _answer)


def _answer(error: Exception) -> tuple[Response, int]:
    failure = next(FAILURES[kind] for kind in type(error).__mro__ if kind in FAILURES)
    _log(error, failure)
    sentence = failure.sentence.format(**vars(error))
    return jsonify(error=sentence, code=failure.code, request_id=g.request_id), failure.status


def _log(error: Exception, failure: Failure) -> None:
    if isinstance(error, StorageUnavailable):
        fields = {"cause": error.cause, "attempts": error.attempts}
        _logger.error(failure.code, extra={"fields": fields})
    elif failure.status >= 500:
        _logger.error(failure.code, exc_info=error)
