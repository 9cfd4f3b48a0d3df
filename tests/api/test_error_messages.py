"""Tests of the error messages: each says what is wrong and what to do next."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from itsm_app.api.error_responses import FAILURES
from itsm_app.storage import items
from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO, shared_app
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse

RETRYABLE = {"storage_unavailable", "internal_error"}
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
    ("invalid_body", "Correct it and send it again."): [
        (create(b""), "must be one JSON object in UTF-8, but it is empty."),
        (create(b" \n"), "but it is empty."),
        (create(b'{"a" 1}'), "but it is 7 bytes long and not JSON at character 5."),
        (create(b'{"a": NaN}'), "but it is 10 bytes long and not JSON."),
        (create(b'{"a": "\xff"}'), "but it is 10 bytes long and not UTF-8 at byte 7."),
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
        "Send the id that this caller's tickets are kept under, such as a phone number.",
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
        "Ask the caller what is wrong; what is too long can follow as comments.",
    ): [
        (create({"caller_id": "a"}), "`issue_description` is missing: it must be a text of 1 to"),
        (new(issue_description=None), f"`issue_description` {TEXT_OF_1000} null."),
        (new(issue_description="x" * 1001), f"{TEXT_OF_1000} 1001 characters long."),
    ],
    (
        "invalid_field",
        "Ask the caller what to add; split what is too long into several comments.",
    ): [
        (comment({}), "`comment` is missing: it must be a text of 1 to 1000 characters, not only"),
        (comment({"comment": "\t\n"}), f"`comment` {TEXT_OF_1000} only white space."),
        (comment({"comment": "x" * 1001}), f"`comment` {TEXT_OF_1000} 1001 characters long."),
    ],
    (
        "invalid_field",
        "Send one short text with all repeats of a call, such as its id and a count.",
    ): [
        (new(idempotency_key=7), f"`idempotency_key` {TEXT_OF_100} a number."),
        (create(NEW, HTTP_IDEMPOTENCY_KEY=""), f"`idempotency_key` {TEXT_OF_100} empty."),
    ],
    ("invalid_field", "Send one of them."): [
        (
            create({**NEW, "idempotency_key": "a"}, HTTP_IDEMPOTENCY_KEY="x" * 21),
            "`idempotency_key` must be as in the header Idempotency-Key, 21 characters long, but it"
            ' is "a".',
        ),
    ],
    ("invalid_field", "Send any other key in the body, as JSON."): [
        (
            create(NEW, HTTP_IDEMPOTENCY_KEY="\u00e9"),
            "`Idempotency-Key` must be ASCII, but it is not.",
        ),
    ],
    ("invalid_field", "Encode it as UTF-8, and percent-encode a query."): [
        (
            new(caller_id="\ud83d"),
            "`caller_id` is not UTF-8: it holds bytes of another encoding, or",
        ),
        (
            list_tickets("caller=%FF"),
            "`caller` is not UTF-8: it holds bytes of another encoding, or",
        ),
    ],
    ("invalid_field", "Send it once."): [
        (create(b'{"caller_id": "a", "caller_id": "b"}'), "`caller_id` is there twice."),
        (list_tickets("caller=a&caller=b"), "`caller` is there twice."),
    ],
    ("invalid_field", "Leave it out for 10."): [
        (
            list_tickets("caller=a&limit=1000"),
            '`limit` must be a whole number from 1 to 100, but it is "1',
        ),
        (
            list_tickets("caller=a&limit=" + "9" * 5000),
            "from 1 to 100, but it is 5000 characters long.",
        ),
    ],
    ("invalid_field", "Send one of these, or leave it out."): [
        (
            list_tickets("caller=a&status=done"),
            "`status` must be open, in_progress, resolved or closed,",
        ),
    ],
    ("invalid_field", "Leave it out for all."): [
        (get("x?comments=some"), '`comments` must be all, latest or none, but it is "some".'),
    ],
    ("invalid_field", "Copy it again, or leave it out to begin anew."): [
        (
            list_tickets("caller=a&cursor=abcd"),
            "`cursor` must be the next_cursor of the page before, unchanged, and with the same"
            " query, which these 4 characters are not.",
        ),
    ],
    ("invalid_field", "Ask the caller for the number, or list their tickets."): [
        (get(""), "`ticket_id` is missing: it must be the id or the number of a ticket."),
        (comment({"comment": "c"}, ""), "`ticket_id` is missing: it must be the id or the number"),
    ],
    (
        "invalid_field",
        "Tell the caller that their tickets cannot be reached; who runs the platform must correct"
        " this.",
    ): [
        (
            list_tickets("", bound_to="a,b"),
            "`X-Caller-Id` must be there once, with all but ASCII letters",
        ),
        (list_tickets("", bound_to="100%"), "a percent sign too, which its 4 characters are not."),
        (list_tickets("", bound_to=""), f"`X-Caller-Id` {TEXT_OF_100} empty."),
        (list_tickets("", bound_to="x" * 101), f"`X-Caller-Id` {TEXT_OF_100} 101 characters long."),
    ],
    (
        "caller_mismatch",
        "Leave it out: only their own tickets can be read, filed and commented on.",
    ): [
        (
            list_tickets("caller=b", bound_to="a"),
            "`caller`, whose length is 1, is not the caller on the",
        ),
        (
            create(NEW, HTTP_X_CALLER_ID="b"),
            "`caller_id`, whose length is 1, is not the caller on the",
        ),
    ],
    ("misheard_number", "Ask the caller to say it again, digit by digit."): [
        (get("1234-5678-901"), "this number of 11 digits: a ticket number has 12, and one of them"),
        (get("123456789012"), "this number of 12 digits: a ticket number has 12, and one of them"),
    ],
    (
        "ticket_not_found",
        "Ask the caller to say the number again, digit by digit, or list their tickets.",
    ): [
        (get("nobodys"), "has this id or number, whose length is 7: an id has 36 characters, a"),
        (get("0000 0000 0000"), "whose length is 14: an id has 36 characters, a number 12 digits."),
        (comment({"comment": "c"}, "nobodys"), "has this id or number, whose length is 7:"),
    ],
    ("idempotency_key_reused", "Send what is new under a new key."): [
        (
            new(issue_description="c", idempotency_key="k"),
            "`idempotency_key` was sent before, with",
        ),
    ],
    (
        "ticket_full",
        "Open a follow-up ticket that names this one, and add the comment there.",
    ): [
        (comment({"comment": "x" * 9}, FULL), "has no room for a comment of 9 characters."),
    ],
    (
        "body_too_large",
        "Send the operation's own fields and no more; what is too long for them can follow as"
        " comments.",
    ): [
        (create(b"x" * 65537), "The body is longer than 65536 bytes."),
        (create(b"x" * 65538), "The body is longer than 65536 bytes."),
    ],
    ("bad_request", "Correct that and send it again."): [
        (create(b"{}", CONTENT_LENGTH="50"), "as HTTP: its body ends before its Content-Length or"),
    ],
    ("post_only", "Send each message as a POST."): [
        (Request("GET", "/mcp"), "This MCP server opens no stream and keeps no session."),
        (Request("DELETE", "/mcp"), "This MCP server opens no stream and keeps no session."),
    ],
    (
        "no_such_operation",
        "There are POST /tickets, GET /tickets/{id}, POST /tickets/{id}/comments and"
        " GET /tickets?caller={caller_id}; GET /openapi.json describes them.",
    ): [
        (Request("GET", "/"), "There is no operation of this method and path."),
        (Request("PUT", "/tickets"), "There is no operation of this method and path."),
    ],
    (
        "internal_error",
        "Repeat the very same call, with the same idempotency_key, in a few seconds; if it fails"
        " again, tell the caller that the ticket system is down, and give the request_id to whoever"
        " runs this service.",
    ): [
        (get(INVALID), "Something went wrong that should not have."),
    ],
}
CASES |= {
    ("ticket_closed", "File a new ticket that names this one."): [
        (comment({"comment": "a"}, CLOSED), "This ticket is closed, and stays as it is."),
        (change({"priority": "low"}, CLOSED), "This ticket is closed, and stays as it is."),
    ],
    ("invalid_transition", "Read the ticket again, and choose from these."): [
        (
            change({"status": "open"}, CLOSED),
            "is closed cannot have this status next: it can be no",
        ),
    ],
    (
        "already_assigned",
        "Leave it to them, or read it and send its ETag as If-Match to take it over.",
    ): [
        (change({"assignee": "bert"}, ASSIGNED), "This ticket is anna's."),
    ],
    ("changed_meanwhile", "Read it again, and decide anew."): [
        (
            change({"status": "closed"}, ASSIGNED, HTTP_IF_MATCH='"x"'),
            "Somebody has changed this ticket since you read it.",
        ),
    ],
    (
        "no_keys",
        "Whoever runs it makes one with `flask new-key` and puts its entry in API_KEYS.",
    ): [
        (
            Request("GET", "/tickets/x", environ={"REMOTE_ADDR": "203.0.113.7"}),
            "This service is closed: it has no API_KEYS yet.",
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
    reason = "The tickets cannot be reached, and it is not known whether this was done."
    next_step = (
        "Repeat the very same call, with the same idempotency_key, in a few seconds; if it fails"
        " again, tell the caller that the ticket system is down, and keep what they said."
    )
    check_error(new().send(client), "storage_unavailable", reason, next_step)


def test_every_error_code_is_tested() -> None:
    # Codes that need a key, a session, a failing DynamoDB or an erased ticket have other tests:
    # test_auth.py, desk/test_sessions.py, the test above, and tickets/test_erasure.py.
    elsewhere = {"key_refused", "role_refused", "no_session", "cross_site", "desk_shut"}
    elsewhere |= {"storage_unavailable", "caller_erased"}
    codes = {code for code, _ in CASES} | elsewhere
    assert codes == {failure.code for failure in FAILURES.values()}
