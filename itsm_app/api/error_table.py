"""The table of errors: status, code and sentence of each. Errors become responses here only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
)

from ..storage.errors import StorageUnavailable
from ..tickets.errors import (
    AlreadyAssigned,
    CallerErased,
    ChangedMeanwhile,
    IdempotencyKeyReused,
    InvalidField,
    InvalidTransition,
    MisheardNumber,
    TicketClosed,
    TicketFull,
    TicketNotFound,
)
from .errors import (
    BodyTooLarge,
    CallerMismatch,
    CrossSite,
    DeskShut,
    InvalidBody,
    KeyRefused,
    NoKeys,
    NoSession,
    PostOnly,
    RoleRefused,
)
from .response_schemas import Error

ErrorPage = Callable[[Error], Response]

_logger = logging.getLogger(__name__)


class Failure(NamedTuple):
    """What a client receives. `{names}` in the sentence are attributes of the exception."""

    status: int
    code: str
    sentence: str
    retryable: bool = False


BODY_TOO_LARGE = Failure(
    413,
    "body_too_large",
    "The body is longer than 65536 bytes. Send the operation's own fields and no more; what is too"
    " long for them can follow as comments.",
)
NO_SUCH_OPERATION = Failure(
    404,
    "no_such_operation",
    "There is no operation of this method and path. There are POST /tickets, GET /tickets/{{id}},"
    " POST /tickets/{{id}}/comments and GET /tickets?caller={{caller_id}}; GET /openapi.json"
    " describes them.",
)

FAILURES: dict[type[Exception], Failure] = {
    NoKeys: Failure(
        503,
        "no_keys",
        "This service is closed: it has no API_KEYS yet. Whoever runs it makes one with `flask"
        " new-key` and puts its entry in API_KEYS.",
    ),
    KeyRefused: Failure(
        401,
        "key_refused",
        "This needs a key, and there is none or a wrong one. Send a key of this service as the"
        " header x-api-key, or as Authorization: Bearer.",
    ),
    RoleRefused: Failure(
        403,
        "role_refused",
        "This key is an agent's, and only the keys of the desk have this operation. Leave it to the"
        " people of the service desk.",
    ),
    DeskShut: Failure(
        503,
        "desk_shut",
        "The desk is shut: it has no SECRET_KEY of 32 characters or more to sign its sessions with."
        " Whoever runs this service makes one with `openssl rand -hex 32` and sets it.",
    ),
    NoSession: Failure(
        401,
        "no_session",
        "Nobody is signed in here, or no longer. Sign in at /desk with a key of the desk.",
    ),
    CrossSite: Failure(
        403,
        "cross_site",
        "This was not sent by a page of the desk, so nothing was done. Open the desk in a browser"
        " that is up to date, and do it there; scripts use the API.",
    ),
    InvalidBody: Failure(
        400,
        "invalid_body",
        "The body must be one JSON object in UTF-8, but it is {form}. Correct it and send it"
        " again.",
    ),
    InvalidField: Failure(400, "invalid_field", "`{field}` {requirement}. {next_step}"),
    MisheardNumber: Failure(
        400,
        "misheard_number",
        "No ticket can have this number of {digits} digits: a ticket number has 12, and one of them"
        " checks the others. Ask the caller to say it again, digit by digit.",
    ),
    PostOnly: Failure(
        405,
        "post_only",
        "This MCP server opens no stream and keeps no session. Send each message as a POST.",
    ),
    CallerMismatch: Failure(
        403,
        "caller_mismatch",
        "`{field}`, whose length is {length}, is not the caller on the line, to whom this call is"
        " bound. Leave it out: only their own tickets can be read, filed and commented on.",
    ),
    IdempotencyKeyReused: Failure(
        409,
        "idempotency_key_reused",
        "This `idempotency_key` was sent before, with other words, and those are kept. Send what is"
        " new under a new key.",
    ),
    InvalidTransition: Failure(
        409,
        "invalid_transition",
        "A ticket that is {status} cannot have this status next: it can be {allowed}. Read the"
        " ticket again, and choose from these.",
    ),
    AlreadyAssigned: Failure(
        409,
        "already_assigned",
        "This ticket is {assignee}'s. Leave it to them, or read it and send its ETag as If-Match to"
        " take it over.",
    ),
    TicketClosed: Failure(
        409,
        "ticket_closed",
        "This ticket is closed, and stays as it is. File a new ticket that names this one.",
    ),
    CallerErased: Failure(
        409,
        "caller_erased",
        "What named this ticket's caller was erased, and nothing can be said on it any more. File a"
        " new ticket.",
    ),
    ChangedMeanwhile: Failure(
        412,
        "changed_meanwhile",
        "Somebody has changed this ticket since you read it. Read it again, and decide anew.",
    ),
    TicketFull: Failure(
        409,
        "ticket_full",
        "This ticket has no room for a comment of {length} characters. Open a follow-up ticket that"
        " names this one, and add the comment there.",
    ),
    TicketNotFound: Failure(
        404,
        "ticket_not_found",
        "No ticket that this call may see has this id or number, whose length is {length}: an id"
        " has 36 characters, a number 12 digits. Ask the caller to say the number again, digit by"
        " digit, or list their tickets.",
    ),
    BodyTooLarge: BODY_TOO_LARGE,
    RequestEntityTooLarge: BODY_TOO_LARGE,
    StorageUnavailable: Failure(
        500,
        "storage_unavailable",
        "The tickets cannot be reached, and it is not known whether this was done. Repeat the very"
        " same call, with the same idempotency_key, in a few seconds; if it fails again, tell the"
        " caller that the ticket system is down, and keep what they said.",
        retryable=True,
    ),
    NotFound: NO_SUCH_OPERATION,
    MethodNotAllowed: NO_SUCH_OPERATION,
    HTTPException: Failure(
        400,
        "bad_request",
        "The request could not be read as HTTP: its body ends before its Content-Length or its last"
        " chunk. Correct that and send it again.",
    ),
    Exception: Failure(
        500,
        "internal_error",
        "Something went wrong that should not have. Repeat the very same call, with the same"
        " idempotency_key, in a few seconds; if it fails again, tell the caller that the ticket"
        " system is down, and give the request_id to whoever runs this service.",
        retryable=True,
    ),
}


def init_app(app: Flask, pages: Mapping[str, ErrorPage]) -> None:
    """Answer every exception by the table, in debug mode too.

    Args:
        app: The app.
        pages: The beginnings of paths whose errors are HTML pages, each with the function that
            returns the page for an error.
    """

    def respond(error: Exception) -> tuple[Response, int, dict[str, str]]:
        body, status = explain(error)
        page = next((pages[each] for each in pages if f"{request.path}/".startswith(each)), None)
        response = page(body) if page else jsonify(body)
        # A 401 names the way to authenticate: RFC 9110, section 11.6.1.
        challenge = {"WWW-Authenticate": 'Bearer realm="tickets"'} if status == 401 else {}
        return response, status, challenge

    app.register_error_handler(Exception, respond)


def explain(error: Exception) -> tuple[Error, int]:
    """Return the body and the status for an error. Log the error if an operator must see it."""
    failure = next(FAILURES[kind] for kind in type(error).__mro__ if kind in FAILURES)
    _log(error, failure)
    g.status = failure.status
    sentence = failure.sentence.format(**vars(error))
    return Error(sentence, failure.code, failure.retryable, g.request_id), failure.status


def _log(error: Exception, failure: Failure) -> None:
    if isinstance(error, StorageUnavailable):
        fields = {"cause": error.cause, "attempts": error.attempts}
        _logger.error(failure.code, extra={"fields": fields})
    elif failure.status >= 500:
        _logger.error(failure.code, exc_info=error)
