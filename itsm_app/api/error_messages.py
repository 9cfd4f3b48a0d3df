"""The status, code and sentence of every error. To reword an error, edit this module.

A sentence says what is wrong, then what to do. Clients and language models read the sentences. The
desk's pages show a sentence if `desk.messages` has no text for the code.
"""

from __future__ import annotations

from typing import NamedTuple

from werkzeug.exceptions import (
    BadHost,
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
    NoNotice,
    NoStrongVersion,
    NoticeBusy,
    TicketBusy,
    TicketClosed,
    TicketFull,
    TicketMerged,
    TicketNotFound,
)
from .errors import (
    BodyTooLarge,
    BoundRefused,
    CallerMismatch,
    CrossSite,
    DeskShut,
    InvalidBody,
    InvalidEvent,
    KeyRefused,
    NoKeys,
    NoOAuth,
    NoSession,
    PostOnly,
    RoleRefused,
    SearchOff,
    UnknownInstance,
    UnknownOperation,
)


class Failure(NamedTuple):
    """What a client receives for one kind of exception.

    Attributes:
        status: The HTTP status.
        code: The error code. Codes never change, because clients rely on them.
        sentence: The text. `{name}` stands for the attribute `name` of the exception.
        retryable: Whether the same request can succeed later.
    """

    status: int
    code: str
    sentence: str
    retryable: bool = False


BODY_TOO_LARGE = Failure(
    413,
    "body_too_large",
    "The body is longer than 65536 bytes. Send only the fields of the operation, and send a long"
    " text as several comments.",
)
NO_SUCH_OPERATION = Failure(
    404,
    "no_such_operation",
    "No operation has this method and path. Use POST /tickets, GET /tickets/{{id}}, POST"
    " /tickets/{{id}}/comments or GET /tickets?caller={{caller_id}}; GET /openapi.json describes"
    " these operations.",
)

# An exception without an entry uses the entry of its nearest base class.
FAILURES: dict[type[Exception], Failure] = {
    NoKeys: Failure(
        503,
        "no_keys",
        "This service has no API keys, so it rejects the request. The operator of this service must"
        " create a key with `flask new-key` and add the entry of the key to API_KEYS.",
    ),
    KeyRefused: Failure(
        401,
        "key_refused",
        "The API key is missing or wrong. Send a valid key in the header x-api-key, or as"
        " Authorization: Bearer.",
    ),
    RoleRefused: Failure(
        403,
        "role_refused",
        "This operation needs a key with the role desk, but this key has the role agent. Leave the"
        " operation to the people of the service desk.",
    ),
    BoundRefused: Failure(
        403,
        "role_refused",
        "This request is bound to a caller by X-Caller-Id, and only the service desk can use the"
        " notice. Send the request without the header, or leave the operation to the desk.",
    ),
    DeskShut: Failure(
        503,
        "desk_shut",
        "The desk is disabled, because SECRET_KEY is missing or has fewer than 32 characters. The"
        " operator of this service must create a secret with `openssl rand -hex 32` and set"
        " SECRET_KEY to it.",
    ),
    NoSession: Failure(
        401,
        "no_session",
        "You are not signed in, or your session has ended. Sign in at /desk with a key that has the"
        " role desk.",
    ),
    CrossSite: Failure(
        403,
        "cross_site",
        "A page of the desk did not send this request, so nothing was done. Open the desk in an"
        " up-to-date browser and repeat the action there; scripts must use the API.",
    ),
    InvalidBody: Failure(
        400,
        "invalid_body",
        "The body must be one JSON object in UTF-8, but it is {form}. Correct the body and send it"
        " again.",
    ),
    InvalidField: Failure(400, "invalid_field", "`{field}` {requirement}. {next_step}"),
    MisheardNumber: Failure(
        400,
        "misheard_number",
        "This {digits}-digit number is not a valid ticket number. A ticket number has 12 digits,"
        " and the last digit is a check digit. Ask the caller to say the number again, digit by"
        " digit.",
    ),
    # ASCII without quotation marks and backslashes: RFC 6749, section 5.2.
    NoOAuth: Failure(
        404,
        "no_oauth",
        "This service uses an API key instead of OAuth. Ask the operator of this service for a key,"
        " and configure the client to send the key in the header x-api-key.",
    ),
    PostOnly: Failure(
        405,
        "post_only",
        "This MCP server accepts only POST requests. It has no sessions and opens no streams. Send"
        " each message in a POST request.",
    ),
    InvalidEvent: Failure(
        400,
        "invalid_event",
        "The event is not a complete ContactFlowEvent of Amazon Connect. Call this function with"
        " the flow block AWS Lambda function.",
    ),
    UnknownInstance: Failure(
        403,
        "unknown_instance",
        "This service does not accept this instance of Amazon Connect. The operator of this service"
        " must add the ARN of the instance to CONNECT_INSTANCES.",
    ),
    UnknownOperation: Failure(
        400,
        "unknown_operation",
        "The parameter `operation` is missing or unknown. Send begin_call, create_ticket,"
        " get_ticket_status, add_ticket_comment, list_recent_tickets or hand_over.",
    ),
    CallerMismatch: Failure(
        403,
        "caller_mismatch",
        "`{field}`, a text of length {length}, is not the caller to whom this request is bound."
        " Leave the field out: this request can read, create and comment on tickets of its own"
        " caller only.",
    ),
    IdempotencyKeyReused: Failure(
        409,
        "idempotency_key_reused",
        "This `idempotency_key` was already used with different content, and that content is"
        " stored. Send new content with a new key.",
    ),
    InvalidTransition: Failure(
        409,
        "invalid_transition",
        "The status of this ticket is {status} and cannot change to the requested status. Allowed"
        " next statuses: {allowed}. Read the ticket again before you choose a status.",
    ),
    AlreadyAssigned: Failure(
        409,
        "already_assigned",
        "This ticket is assigned to {assignee}. Leave the ticket to this person. To take the ticket"
        " over, read it and send its ETag as If-Match.",
    ),
    TicketClosed: Failure(
        409,
        "ticket_closed",
        "This ticket is closed and cannot change. Create a new ticket that refers to this ticket.",
    ),
    TicketMerged: Failure(
        409,
        "ticket_closed",
        "This ticket was closed, because ticket {number} is about the same problem. Use ticket"
        " {number} instead.",
    ),
    CallerErased: Failure(
        409,
        "caller_erased",
        "The caller's data was erased from this ticket, so the ticket accepts no comments. Create a"
        " new ticket.",
    ),
    ChangedMeanwhile: Failure(
        412,
        "changed_meanwhile",
        "This ticket has changed since you read it. Read the ticket again. If your change still"
        " applies, repeat it with the new ETag as If-Match.",
    ),
    # Strong comparison: RFC 9110, section 13.1.1.
    NoStrongVersion: Failure(
        412,
        "changed_meanwhile",
        "If-Match has no strong ETag, so it never matches. A weak ETag begins with W/. Read the"
        " ticket, and send its ETag without W/, in quotation marks.",
    ),
    TicketBusy: Failure(
        409,
        "ticket_busy",
        "Others changed this ticket at the same moment, and nothing was done. Repeat the same"
        " request, with the same idempotency_key, in a second.",
        retryable=True,
    ),
    NoticeBusy: Failure(
        409,
        "ticket_busy",
        "Others changed the notice at the same moment, and nothing was done. Repeat the same"
        " request in a second.",
        retryable=True,
    ),
    NoNotice: Failure(
        409,
        "no_notice",
        "There is no notice now, so the caller cannot join it. Send the request without"
        " join_notice.",
    ),
    TicketFull: Failure(
        409,
        "ticket_full",
        "This ticket has no room for a comment of {length} characters. Create a follow-up ticket"
        " that refers to this ticket, and add the comment there.",
    ),
    TicketNotFound: Failure(
        404,
        "ticket_not_found",
        "No ticket that this request may read has this ID or number of {length} characters. An ID"
        " has 36 characters, and a ticket number has 12 digits. Ask the caller to say the number"
        " again, digit by digit, or list the caller's tickets.",
    ),
    BodyTooLarge: BODY_TOO_LARGE,
    RequestEntityTooLarge: BODY_TOO_LARGE,
    StorageUnavailable: Failure(
        500,
        "storage_unavailable",
        "The tickets are not available, and it is unknown whether the operation was done. Repeat"
        " the same call with the same idempotency_key in a few seconds. If the call fails again,"
        " tell the caller that the ticket system is down, and keep what the caller said.",
        retryable=True,
    ),
    SearchOff: Failure(
        404,
        "search_off",
        "The search is off on this service. Get a ticket by its number, or list a caller's tickets"
        " with `caller`. The operator of this service can turn on the search with SEARCH_TABLE.",
    ),
    NotFound: NO_SUCH_OPERATION,
    MethodNotAllowed: NO_SUCH_OPERATION,
    BadHost: Failure(
        400,
        "bad_request",
        "The header Host is not a valid host name. Send a host name whose parts between the dots"
        " have 1 to 63 letters, digits and hyphens.",
    ),
    HTTPException: Failure(
        400,
        "bad_request",
        "The HTTP request is incomplete: the body ends before its Content-Length or its last chunk."
        " Send the complete request again.",
    ),
    Exception: Failure(
        500,
        "internal_error",
        "An unexpected error occurred. Repeat the same call with the same idempotency_key in a few"
        " seconds. If the call fails again, tell the caller that the ticket system is down, and"
        " give the request_id to the operator of this service.",
        retryable=True,
    ),
}
