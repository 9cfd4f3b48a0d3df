"""Send each attempt to bypass caller binding over HTTP. Check its outcome and Bob's tickets."""

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

from itsm_app.api import response_schemas
from tests.support.keyless import keyless_app

from ..support import bound_tries, mcp_tries
from ..support.bound_tries import (
    EMPTY_LIST,
    ONE_PER_PATH,
    OWN_LIST,
    OWN_TICKET,
    VALID_REFERENCES,
    Attempt,
    without_operation,
)
from ..support.exhaustive import one_per_path
from ..support.two_callers import (
    ANNAS_TICKET,
    BOB,
    BOBS_SECRETS,
    BOBS_TICKETS,
    ETAG,
    ID,
    quoted,
    store,
    stored,
)

TRIES = [*bound_tries.attempts(), *mcp_tries.attempts()]
EXPECTED_BODIES = {
    OWN_LIST: {
        "tickets": [
            msgspec.to_builtins(response_schemas.dump(response_schemas.Ticket, ANNAS_TICKET))
        ]
    },
    EMPTY_LIST: {"tickets": []},
}


class Got(NamedTuple):
    """A response. `headers` is one text."""

    status: int
    headers: str
    text: str


def check(attempt: Attempt, got: Got) -> None:
    """Assert the expected outcome, and that Bob's tickets are neither revealed nor changed."""
    assert stored(BOB) == [ticket.serialize() for ticket in BOBS_TICKETS]
    assert [secret for secret in BOBS_SECRETS if secret in got.headers + got.text] == []
    if attempt.method == "HEAD":
        assert (got.status, got.text) == (attempt.outcome.status, "")
        return
    body = json.loads(got.text)
    if attempt.target == "/mcp":
        assert body["result"]["isError"] is (attempt.outcome.status >= 400)
        body = json.loads(body["result"]["content"][0]["text"])
    assert got.status == (200 if attempt.target == "/mcp" else attempt.outcome.status)
    if attempt.outcome == OWN_TICKET:
        own_ids = {item["ticket_id"]["S"] for item in stored(bound_to(attempt))}
        assert body["ticket_id"] in own_ids
    elif attempt.outcome in EXPECTED_BODIES:
        assert body == EXPECTED_BODIES[attempt.outcome]
    else:
        assert body["code"] == attempt.outcome.code
        assert body["error"].startswith(f"`{attempt.outcome.field}`" * bool(attempt.outcome.field))


def bound_to(attempt: Attempt) -> str:
    (header,) = [value for name, value in attempt.headers if name == "X-Caller-Id"]
    return unquote(header)


@pytest.fixture(scope="module")
def server(engine: str) -> Iterator[BaseWSGIServer]:
    store()
    server = make_server("127.0.0.1", 0, keyless_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def send(server: BaseWSGIServer, attempt: Attempt) -> Got:
    """Send an attempt over a raw socket, because client libraries would change some of them."""
    headers = [("Host", "localhost"), ("Content-Length", str(len(attempt.body))), *attempt.headers]
    lines = [
        f"{attempt.method} {attempt.target} HTTP/1.1",
        *(": ".join(header) for header in headers),
    ]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + attempt.body)
        response = HTTPResponse(connection, method=attempt.method)
        response.begin()
        return Got(response.status, str(response.headers), response.read().decode())


def is_fast(attempt: Attempt) -> bool:
    return without_operation(attempt.label) in ONE_PER_PATH


@pytest.mark.parametrize("attempt", one_per_path(TRIES, is_fast), ids=lambda attempt: attempt.label)
def test_attempt_has_the_expected_outcome(server: BaseWSGIServer, attempt: Attempt) -> None:
    check(attempt, send(server, attempt))


def test_table_has_at_least_200_distinct_attempts() -> None:
    assert len(TRIES) >= 200
    requests = {(*attempt[1:3], *attempt.headers, attempt.body) for attempt in TRIES}
    assert len(requests) == len({attempt.label for attempt in TRIES}) == len(TRIES)
    assert {without_operation(attempt.label) for attempt in TRIES} >= ONE_PER_PATH


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
