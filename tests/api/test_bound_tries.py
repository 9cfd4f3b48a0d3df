"""Send each attempt to bypass caller binding over HTTP. Check its outcome and the secrets."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import NamedTuple
from urllib.parse import unquote

import msgspec
import pytest
from flask.testing import FlaskClient
from werkzeug.serving import BaseWSGIServer, make_server

from itsm_app import config, create_app
from itsm_app.api import response_schemas

from ..support import bound_tries, desk_tries, mcp_tries
from ..support.bound_tries import (
    EMPTY_LIST,
    OWN_LIST,
    OWN_TICKET,
    VALID_REFERENCES,
    Attempt,
    without_operation,
)
from ..support.desk_tries import OWN_CHANGE, OWN_COMMENT, OWN_READ
from ..support.exhaustive import one_per_path
from ..support.keys import fixed_key
from ..support.two_callers import (
    ANNA,
    ANNAS_HANDOVER_TIME,
    ANNAS_NOTE,
    ANNAS_PUBLIC_VERSION,
    ANNAS_TICKET,
    ANNAS_WRITABLE_TICKET,
    BOB,
    BOBS_SECRETS,
    BOBS_TICKETS,
    DESK_SECRETS,
    ETAG,
    ID,
    quoted,
    store,
    stored,
)

DESK_KEY, DESK_ENTRY = fixed_key("erik.e", "desk")
AGENT_KEY, AGENT_ENTRY = fixed_key("voice-1", "agent")
TRIES = [*bound_tries.attempts(), *desk_tries.attempts(), *mcp_tries.attempts()]
ONE_PER_PATH = bound_tries.ONE_PER_PATH | desk_tries.ONE_PER_PATH
ANNAS_RESPONSE = {
    **msgspec.to_builtins(response_schemas.dump(response_schemas.Ticket, ANNAS_TICKET)),
    "handover": {"status": "waiting", "requested_at": ANNAS_HANDOVER_TIME},
}
EXPECTED_BODIES = {
    OWN_LIST: {"tickets": [ANNAS_RESPONSE]},
    OWN_READ: ANNAS_RESPONSE,
    EMPTY_LIST: {"tickets": []},
}
# What only the desk may store in a ticket.
DESK_FIELDS = {
    *("notes", "note_writes", "created_by", "duplicate_of", "duplicates", "follow_up_of"),
    *("follow_ups", "assignee", "history"),
}


class Got(NamedTuple):
    """A response. `headers` is one text."""

    status: int
    headers: str
    text: str


def check(attempt: Attempt, got: Got) -> None:
    """Assert the expected outcome, and that Bob's tickets are neither revealed nor changed."""
    assert stored(BOB) == [ticket.serialize() for ticket in BOBS_TICKETS]
    assert [each for each in secrets_for(attempt) if each in got.headers + got.text] == []
    if attempt.method == "HEAD":
        assert (got.status, got.text) == (attempt.outcome.status, "")
        return
    body = json.loads(got.text)
    if attempt.target == "/mcp":
        assert body["result"]["isError"] is (attempt.outcome.status >= 400)
        body = json.loads(body["result"]["content"][0]["text"])
    assert got.status == (200 if attempt.target == "/mcp" else attempt.outcome.status)
    if attempt.outcome == OWN_TICKET:
        (item,) = [
            item
            for item in stored(bound_to(attempt))
            if item["ticket_id"]["S"] == body["ticket_id"]
        ]
        assert (item["status"]["S"], DESK_FIELDS & item.keys()) == ("open", set())
        assert [each["M"].keys() for each in item.get("handovers", {"L": []})["L"]] in (
            [],
            [{"handover_id", "requested_at", "requested_by", "reason"}],
        )
    elif attempt.outcome == OWN_COMMENT:
        assert body["success"] is True
        items = {item["ticket_id"]["S"]: item for item in stored(bound_to(attempt))}
        writable = items[ANNAS_WRITABLE_TICKET.ticket_id]
        assert writable["comments"]["L"][-1]["M"].keys() == {
            *("comment_text", "added_at", "comment_id")
        }
    elif attempt.outcome == OWN_CHANGE:
        assert body.keys() <= {*response_schemas.Ticket.__struct_fields__}
    elif attempt.outcome in EXPECTED_BODIES:
        assert body == EXPECTED_BODIES[attempt.outcome]
    else:
        assert body["code"] == attempt.outcome.code
        assert body["error"].startswith(f"`{attempt.outcome.field}`" * bool(attempt.outcome.field))


def secrets_for(attempt: Attempt) -> list[str]:
    """Return the texts that the response to an attempt must not contain."""
    # An error names the field that is wrong.
    return [each for each in (*BOBS_SECRETS, *DESK_SECRETS) if each != attempt.outcome.field]


def bound_to(attempt: Attempt) -> str:
    (header,) = [value for name, value in attempt.headers if name == "X-Caller-Id"]
    return unquote(header)


@pytest.fixture(scope="module")
def server(engine: str) -> Iterator[BaseWSGIServer]:
    store()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "API_KEYS", f"{DESK_ENTRY},{AGENT_ENTRY}")
        app = create_app()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def send(server: BaseWSGIServer, attempt: Attempt, key: str) -> Got:
    """Send an attempt over a raw socket, because client libraries would change some of them."""
    length = str(len(attempt.body))
    own_headers = [("Host", "localhost"), ("Content-Length", length), ("x-api-key", key)]
    headers = [*own_headers, *attempt.headers]
    lines = [
        f"{attempt.method} {attempt.target} HTTP/1.1",
        *(": ".join(header) for header in headers),
    ]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + attempt.body)
        response = HTTPResponse(connection, method=attempt.method)
        response.begin()
        return Got(response.status, str(response.headers), response.read().decode())


# One attempt for each path, with the first operation that has it.
FAST = {
    without_operation(attempt.label): attempt
    for attempt in reversed(TRIES)
    if without_operation(attempt.label) in ONE_PER_PATH
}.values()


def is_fast(attempt: Attempt) -> bool:
    return attempt in FAST


@pytest.mark.parametrize("attempt", one_per_path(TRIES, is_fast), ids=lambda attempt: attempt.label)
def test_attempt_has_the_expected_outcome(server: BaseWSGIServer, attempt: Attempt) -> None:
    check(attempt, send(server, attempt, DESK_KEY))


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "attempt", [each for each in TRIES if each.event], ids=lambda attempt: attempt.label
)
def test_attempt_with_the_key_of_an_agent_has_the_expected_outcome(
    server: BaseWSGIServer, attempt: Attempt
) -> None:
    check(attempt, send(server, attempt, AGENT_KEY))


def test_table_has_at_least_200_distinct_attempts() -> None:
    assert len(TRIES) >= 200
    requests = {(*attempt[1:3], *attempt.headers, attempt.body) for attempt in TRIES}
    assert len(requests) == len({attempt.label for attempt in TRIES}) == len(TRIES)
    assert {without_operation(attempt.label) for attempt in TRIES} >= ONE_PER_PATH


def test_table_has_at_least_100_attempts_at_the_desks_data() -> None:
    assert len([*desk_tries.attempts()]) >= 100


@pytest.mark.parametrize("reference", VALID_REFERENCES.values(), ids=VALID_REFERENCES)
def test_bob_can_read_his_ticket_by_every_valid_reference(
    server: BaseWSGIServer, client: FlaskClient, reference: str
) -> None:
    headers = {"X-Caller-Id": quoted(BOB)}
    found = client.get(f"/tickets/{reference}", headers=headers)
    assert (found.status_code, found.json["caller_id"]) == (200, BOB)


def test_bobs_etag_matches_his_ticket(server: BaseWSGIServer, client: FlaskClient) -> None:
    headers = {"X-Caller-Id": quoted(BOB), "If-None-Match": ETAG}
    assert client.get(f"/tickets/{ID}", headers=headers).status_code == 304


def test_annas_version_does_not_count_the_note(server: BaseWSGIServer, client: FlaskClient) -> None:
    headers = {"X-Caller-Id": quoted(ANNA), "If-None-Match": ANNAS_PUBLIC_VERSION}
    path = f"/tickets/{ANNAS_TICKET.ticket_id}"
    assert client.get(path, headers=headers).status_code == 304
    assert ANNAS_NOTE in client.get(path).text
