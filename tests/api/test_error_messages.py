"""Tests of the error messages: each says what is wrong and what to do next."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from itsm_app.api.error_messages import FAILURES
from itsm_app.storage import items
from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO, shared_app
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse

RETRYABLE = {"storage_unavailable", "internal_error", "ticket_busy"}
NEW = {"caller_id": "a", "issue_description": "b"}
FULL, INVALID, CLOSED = "a-full-ticket", "an-invalid-item", "a-closed-ticket"
ASSIGNED = "an-assigned-ticket"
TIME = "2026-02-09T12:20:25.343883Z"


class Request(NamedTuple):
    """A request. A `bytes` body goes out unchanged, any other body as JSON."""

    method: str
    path: str
    body: Any = b""
    environ: dict[str, str] = {}  # noqa: RUF012

    def send(self, client: FlaskClient) -> TestResponse:
        data = self.body if isinstance(self.body, bytes) else json.dumps(self.body)
        return client.open(self.path, method=self.method, data=data, environ_overrides=self.environ)


def create(body: Any, **environ: str) -> Request:
    return Request("POST", "/tickets", body, environ)


def new(**fields: Any) -> Request:
    return create({**NEW, **fields})


def comment(body: Any, ticket: str = "x") -> Request:
    return Request("POST", f"/tickets/{ticket}/comments", body)


def change(body: Any, ticket: str, **environ: str) -> Request:
    return Request("PATCH", f"/tickets/{ticket}", body, environ)


def get(reference: str) -> Request:
    return Request("GET", f"/tickets/{reference}")


def list_tickets(query: str, bound_to: str | None = None) -> Request:
    environ = {} if bound_to is None else {"HTTP_X_CALLER_ID": bound_to}
    return Request("GET", f"/tickets?{query}", environ=environ)


TEXT_OF_100 = "must be a text of 1 to 100 characters, not only white space, but it is"
TEXT_OF_1000 = TEXT_OF_100.replace("100", "1000")

# For each code and next step: requests, and the expected reason in the error message.
CASES: dict[tuple[str, str], list[tuple[Request, str]]] = {
    ("invalid_body", "Correct the body and send it again."): [
        (create(b""), "must be one JSON object in UTF-8, but it is empty."),
        (create(b" \n"), "but it is empty."),
        (create(b'{"a" 1}'), "but it is not valid JSON (7 bytes, error at character 5)."),
        (create(b'{"a": NaN}'), "but it is not valid JSON (10 bytes)."),
        (create(b'{"a": "\xff"}'), "but it is not valid UTF-8 (10 bytes, error at byte 7)."),
        (create(b"[" * 60_000), "but it is nested too deeply."),
        (create([NEW]), "but it is a list."),
        (create("text"), 'but it is "text".'),
        (create("x" * 21), "but it is 21 characters long."),
        (create(5), "but it is a number."),
        (create(True), "but it is a boolean."),
        (create(None), "but it is null."),
        (comment([]), "but it is a list."),
    ],
    (
        "invalid_field",
        "Send the ID of the caller, for example a phone number.",
    ): [
        (create({"issue_description": "b"}), "`caller_id` is missing: it must be a text of 1 to"),
        (new(caller_id=None), "`caller_id` is missing: it must be a text of 1 to 100 characters"),
        (new(caller_id=""), f"`caller_id` {TEXT_OF_100} empty."),
        (new(caller_id=" "), f"`caller_id` {TEXT_OF_100} only white space."),
        (new(caller_id=15550100), f"`caller_id` {TEXT_OF_100} a number."),
        (new(caller_id=True), f"`caller_id` {TEXT_OF_100} a boolean."),
        (new(caller_id=["a"]), f"`caller_id` {TEXT_OF_100} a list."),
        (new(caller_id={"a": 1}), f"`caller_id` {TEXT_OF_100} an object."),
        (new(caller_id="x" * 101), f"`caller_id` {TEXT_OF_100} 101 characters long."),
        (
            list_tickets(""),
            "`caller` is missing: it must be a text of 1 to 100 characters, not only",
        ),
        (list_tickets("caller="), f"`caller` {TEXT_OF_100} empty."),
        (list_tickets("caller=+"), f"`caller` {TEXT_OF_100} only white space."),
        (list_tickets("caller=" + "%CE%A9" * 101), f"`caller` {TEXT_OF_100} 101 characters long."),
        (get("x?caller="), f"`caller` {TEXT_OF_100} empty."),
        (comment({"comment": "c", "caller": 5}), f"`caller` {TEXT_OF_100} a number."),
    ],
    (
        "invalid_field",
        "Ask the caller to describe the problem; send the rest of a long text as comments.",
    ): [
        (create({"caller_id": "a"}), "`issue_description` is missing: it must be a text of 1 to"),
        (new(issue_description=None), f"`issue_description` {TEXT_OF_1000} null."),
        (new(issue_description="x" * 1001), f"{TEXT_OF_1000} 1001 characters long."),
    ],
    (
        "invalid_field",
        "Ask the caller what to add; split a long text into several comments.",
    ): [
        (comment({}), "`comment` is missing: it must be a text of 1 to 1000 characters, not only"),
        (comment({"comment": "\t\n"}), f"`comment` {TEXT_OF_1000} only white space."),
        (comment({"comment": "x" * 1001}), f"`comment` {TEXT_OF_1000} 1001 characters long."),
    ],
    (
        "invalid_field",
        "Send a short text, for example the call's ID and a counter, and the same text with each"
        " retry.",
    ): [
        (new(idempotency_key=7), f"`idempotency_key` {TEXT_OF_100} a number."),
        (create(NEW, HTTP_IDEMPOTENCY_KEY=""), f"`idempotency_key` {TEXT_OF_100} empty."),
    ],
    ("invalid_field", "Send the key in one place only."): [
        (
            create({**NEW, "idempotency_key": "a"}, HTTP_IDEMPOTENCY_KEY="x" * 21),
            "`idempotency_key` must equal the header Idempotency-Key, which is 21 characters long,"
            ' but it is "a".',
        ),
    ],
    ("invalid_field", "Send such a key in the body, as `idempotency_key`."): [
        (
            create(NEW, HTTP_IDEMPOTENCY_KEY="\u00e9"),
            "`Idempotency-Key` must be ASCII, but it has other characters.",
        ),
    ],
    ("invalid_field", "Encode the text as UTF-8; in a query, also percent-encode the text."): [
        (
            new(caller_id="\ud83d"),
            "`caller_id` is not valid UTF-8: it contains bytes of another encoding,",
        ),
        (
            list_tickets("caller=%FF"),
            "`caller` is not valid UTF-8: it contains bytes of another encoding,",
        ),
    ],
    ("invalid_field", "Send the field once."): [
        (create(b'{"caller_id": "a", "caller_id": "b"}'), "`caller_id` was sent twice."),
        (list_tickets("caller=a&caller=b"), "`caller` was sent twice."),
    ],
    ("invalid_field", "Leave the field out to get 10 tickets."): [
        (
            list_tickets("caller=a&limit=1000"),
            '`limit` must be a whole number from 1 to 100, but it is "1',
        ),
        (
            list_tickets("caller=a&limit=" + "9" * 5000),
            "from 1 to 100, but it is 5000 characters long.",
        ),
    ],
    ("invalid_field", "Send one of these values, or leave the field out."): [
        (
            list_tickets("caller=a&status=done"),
            "`status` must be open, in_progress, resolved or closed,",
        ),
    ],
    ("invalid_field", "Leave the field out to get all comments."): [
        (get("x?comments=some"), '`comments` must be all, latest or none, but it is "some".'),
    ],
    ("invalid_field", "Copy the cursor again, or leave the field out to get the first page."): [
        (
            list_tickets("caller=a&cursor=abcd"),
            "`cursor` must be the unchanged next_cursor of the previous page of the same query, but"
            " this value of 4 characters was changed or belongs to another query.",
        ),
    ],
    ("invalid_field", "Ask the caller for the ticket number, or list the caller's tickets."): [
        (get(""), "`ticket_id` is missing: it must be the ID or the number of a ticket."),
        (comment({"comment": "c"}, ""), "`ticket_id` is missing: it must be the ID or the number"),
    ],
    (
        "invalid_field",
        "Tell the caller that the tickets are not available; the operator of the platform must"
        " correct the header.",
    ): [
        (
            list_tickets("", bound_to="a,b"),
            "`X-Caller-Id` must be sent once, in percent-encoded UTF-8: only",
        ),
        (list_tickets("", bound_to="100%"), "This value of 4 characters is malformed."),
        (list_tickets("", bound_to=""), f"`X-Caller-Id` {TEXT_OF_100} empty."),
        (list_tickets("", bound_to="x" * 101), f"`X-Caller-Id` {TEXT_OF_100} 101 characters long."),
    ],
    (
        "caller_mismatch",
        "Leave the field out: this request can read, create and comment on tickets of its own"
        " caller only.",
    ): [
        (
            list_tickets("caller=b", bound_to="a"),
            "`caller`, a text of length 1, is not the caller to whom",
        ),
        (
            create(NEW, HTTP_X_CALLER_ID="b"),
            "`caller_id`, a text of length 1, is not the caller to whom",
        ),
    ],
    ("misheard_number", "Ask the caller to say the number again, digit by digit."): [
        (get("1234-5678-901"), "This 11-digit number is not a valid ticket number."),
        (get("123456789012"), "This 12-digit number is not a valid ticket number."),
    ],
    (
        "ticket_not_found",
        "Ask the caller to say the number again, digit by digit, or list the caller's tickets.",
    ): [
        (get("nobodys"), "has this ID or number of 7 characters. An ID has 36 characters, and"),
        (get("0000 0000 0000"), "of 14 characters. An ID has 36 characters, and"),
        (comment({"comment": "c"}, "nobodys"), "has this ID or number of 7 characters."),
    ],
    ("idempotency_key_reused", "Send new content with a new key."): [
        (
            new(issue_description="c", idempotency_key="k"),
            "`idempotency_key` was already used with different content,",
        ),
    ],
    (
        "ticket_full",
        "Create a follow-up ticket that refers to this ticket, and add the comment there.",
    ): [
        (comment({"comment": "x" * 9}, FULL), "has no room for a comment of 9 characters."),
    ],
    (
        "body_too_large",
        "Send only the fields of the operation, and send a long text as several comments.",
    ): [
        (create(b"x" * 65537), "The body is longer than 65536 bytes."),
        (create(b"x" * 65538), "The body is longer than 65536 bytes."),
    ],
    ("bad_request", "Send the complete request again."): [
        (create(b"{}", CONTENT_LENGTH="50"), "incomplete: the body ends before its"),
    ],
    (
        "bad_request",
        "Send a host name whose parts between the dots have 1 to 63 letters, digits and hyphens.",
    ): [
        (
            Request("GET", "/tickets/x", environ={"HTTP_HOST": "a..b"}),
            "The header Host is not a valid host name.",
        ),
    ],
    (
        "no_oauth",
        "Ask the operator of this service for a key, and configure the client to send the key in"
        " the header x-api-key.",
    ): [
        (Request("GET", "/.well-known/oauth-protected-resource/mcp"), "API key instead of OAuth."),
        (Request("POST", "/register", {}), "This service uses an API key instead of OAuth."),
    ],
    ("post_only", "Send each message in a POST request."): [
        (Request("GET", "/mcp"), "This MCP server accepts only POST requests."),
        (Request("DELETE", "/mcp"), "This MCP server accepts only POST requests."),
    ],
    (
        "no_such_operation",
        "Use POST /tickets, GET /tickets/{id}, POST /tickets/{id}/comments or"
        " GET /tickets?caller={caller_id}; GET /openapi.json describes these operations.",
    ): [
        (Request("GET", "/"), "No operation has this method and path."),
        (Request("PUT", "/tickets"), "No operation has this method and path."),
    ],
    (
        "internal_error",
        "Repeat the same call with the same idempotency_key in a few seconds. If the call fails"
        " again, tell the caller that the ticket system is down, and give the request_id to the"
        " operator of this service.",
    ): [
        (get(INVALID), "An unexpected error occurred."),
    ],
}
CASES |= {
    ("ticket_closed", "Create a new ticket that refers to this ticket."): [
        (comment({"comment": "a"}, CLOSED), "This ticket is closed and cannot change."),
        (change({"priority": "low"}, CLOSED), "This ticket is closed and cannot change."),
    ],
    ("invalid_transition", "Read the ticket again before you choose a status."): [
        (
            change({"status": "open"}, CLOSED),
            "is closed and cannot change to the requested status. Allowed next statuses: none",
        ),
    ],
    (
        "already_assigned",
        "Leave the ticket to this person. To take the ticket over, read it and send its ETag as"
        " If-Match.",
    ): [
        (change({"assignee": "bert"}, ASSIGNED), "This ticket is assigned to anna."),
    ],
    (
        "changed_meanwhile",
        "If your change still applies, repeat it with the new ETag as If-Match.",
    ): [
        (
            change({"status": "closed"}, ASSIGNED, HTTP_IF_MATCH='"x"'),
            "This ticket has changed since you read it. Read the ticket again.",
        ),
    ],
    (
        "changed_meanwhile",
        "Read the ticket, and send its ETag without W/, in quotation marks.",
    ): [
        (
            change({"status": "closed"}, ASSIGNED, HTTP_IF_MATCH=if_match),
            "If-Match has no strong ETag, so it never matches. A weak ETag begins with W/.",
        )
        for if_match in ('W/"x"', f'W/"0.{TIME}"', 'W/"x", W/"y"', "", ",")
    ],
    ("no_notice", "Send the request without join_notice."): [
        (
            new(join_notice=True),
            "There is no notice now, so the caller cannot join it.",
        ),
    ],
    (
        "search_off",
        "The operator of this service can turn on the search with SEARCH_TABLE.",
    ): [
        (Request("GET", "/tickets?q=lift"), "The search is off on this service."),
    ],
    (
        "no_keys",
        "The operator of this service must create a key with `flask new-key` and add the entry of"
        " the key to API_KEYS.",
    ): [
        (
            Request("GET", "/tickets/x", environ={"REMOTE_ADDR": "203.0.113.7"}),
            "This service has no API keys, so it rejects the request.",
        ),
    ],
}
ROWS = [
    (api_request, code, reason, next_step)
    for (code, next_step), rows in CASES.items()
    for api_request, reason in rows
]


@pytest.fixture(scope="module")
def _stored(engine: str) -> None:
    """Store the data that CASES need: tickets, an invalid item and a used idempotency key.

    The requests of CASES fail, so they leave this data as it is.
    """
    texts: dict[str, Any] = {"caller_id": "a", "issue_description": "b", "updated_at": TIME}
    long = {"comment_text": "x" * 1000, "added_at": TIME, "comment_id": "c"}
    items.put_new(Ticket(ticket_id=FULL, created_at=TIME, comments=[long] * 255, **texts))
    items.put_new(Ticket(ticket_id=CLOSED, created_at=TIME, status="closed", **texts))
    items.put_new(Ticket(ticket_id=ASSIGNED, created_at=TIME, assignee="anna", **texts))
    item = {"ticket_id": {"S": INVALID}, "comments": {"N": "5"}}
    Ticket.connection().connection.client.put_item(TableName="poc-itsm-tickets", Item=item)
    assert new(idempotency_key="k").send(shared_app().test_client()).status_code == 201


def check_error(response: TestResponse, code: str, reason: str, next_step: str) -> None:
    assert response.json["code"] == code
    assert reason in response.json["error"]
    assert response.json["error"].endswith(f". {next_step}")
    assert len(response.json["error"]) <= 300
    assert response.json["retryable"] is (code in RETRYABLE)
    statuses = {failure.status for failure in FAILURES.values() if failure.code == code}
    assert response.status_code in statuses


@ON_MOTO
@pytest.mark.usefixtures("_stored")
@pytest.mark.parametrize(
    ("api_request", "code", "reason", "next_step"),
    ROWS,
    ids=[f"{row[1]}: {row[2]}" for row in ROWS],
)
def test_error_message_gives_the_reason_and_the_next_step(
    client: FlaskClient, api_request: Request, code: str, reason: str, next_step: str
) -> None:
    check_error(api_request.send(client), code, reason, next_step)


@ON_MOTO
def test_error_message_when_dynamodb_is_unavailable(
    client: FlaskClient, faults: FaultyDynamoDB
) -> None:
    faults.faults.append(refuse("AccessDeniedException"))
    reason = "The tickets are not available, and it is unknown whether the operation was done."
    next_step = (
        "Repeat the same call with the same idempotency_key in a few seconds. If the call fails"
        " again, tell the caller that the ticket system is down, and keep what the caller said."
    )
    check_error(new().send(client), "storage_unavailable", reason, next_step)


def test_every_error_code_is_tested() -> None:
    # Codes that need a key, a session, a failing DynamoDB or an erased ticket have other tests:
    # test_auth.py, desk/test_sessions.py, the test above, tickets/test_erasure.py and
    # tickets/test_lifecycle.py. Those of events of Amazon Connect are in connect/test_door.py.
    elsewhere = {"key_refused", "role_refused", "no_session", "cross_site", "desk_shut"}
    elsewhere |= {"storage_unavailable", "caller_erased", "ticket_busy"}
    elsewhere |= {"invalid_event", "unknown_instance", "unknown_operation"}
    codes = {code for code, _ in CASES} | elsewhere
    assert codes == {failure.code for failure in FAILURES.values()}
