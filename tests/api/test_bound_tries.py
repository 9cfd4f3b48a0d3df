"""Each try of the table, over HTTP: refused as it says, and Bob's tickets are as they were."""

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

from itsm_app import create_app
from itsm_app.api import schemas

from ..support import bound_tries, mcp_tries
from ..support.bound_tries import EMPTY_LIST, OWN_LIST, OWN_TICKET, VALID_REFERENCES, Attempt
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
SHOWN = {
    OWN_LIST: {"tickets": [msgspec.to_builtins(schemas.dump(schemas.Ticket, ANNAS_TICKET))]},
    EMPTY_LIST: {"tickets": []},
}


class Got(NamedTuple):
    """What an answer is, its headers as one text."""

    status: int
    headers: str
    text: str


def check(attempt: Attempt, got: Got) -> None:
    """Assert that a try was refused as the table says, and told and changed nothing of Bob's."""
    assert stored(BOB) == [ticket.serialize() for ticket in BOBS_TICKETS]
    assert [each for each in BOBS_SECRETS if each in got.headers + got.text] == []
    if attempt.method == "HEAD":
        assert (got.status, got.text) == (attempt.outcome.status, "")
        return
    said = json.loads(got.text)
    if attempt.target == "/mcp":
        assert said["result"]["isError"] is (attempt.outcome.status >= 400)
        said = json.loads(said["result"]["content"][0]["text"])
    assert got.status == (200 if attempt.target == "/mcp" else attempt.outcome.status)
    if attempt.outcome == OWN_TICKET:
        made = {item["ticket_id"]["S"] for item in stored(bound_to(attempt))}
        assert said["ticket_id"] in made
    elif attempt.outcome in SHOWN:
        assert said == SHOWN[attempt.outcome]
    else:
        assert said["code"] == attempt.outcome.code
        assert said["error"].startswith(f"`{attempt.outcome.field}`" * bool(attempt.outcome.field))


def bound_to(attempt: Attempt) -> str:
    (header,) = [value for name, value in attempt.headers if name == "X-Caller-Id"]
    return unquote(header)


@pytest.fixture(scope="module")
def server(engine: str) -> Iterator[BaseWSGIServer]:
    store()
    server = make_server("127.0.0.1", 0, create_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def send(server: BaseWSGIServer, attempt: Attempt) -> Got:
    """Send a try byte for byte, as no client library would."""
    sent = [("Host", "localhost"), ("Content-Length", str(len(attempt.body))), *attempt.headers]
    lines = [f"{attempt.method} {attempt.target} HTTP/1.1", *(": ".join(pair) for pair in sent)]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + attempt.body)
        response = HTTPResponse(connection, method=attempt.method)
        response.begin()
        return Got(response.status, str(response.headers), response.read().decode())


@pytest.mark.parametrize("attempt", TRIES, ids=lambda attempt: attempt.label)
def test_it_is_refused(server: BaseWSGIServer, attempt: Attempt) -> None:
    check(attempt, send(server, attempt))


def test_the_table_has_200_tries_and_no_two_alike() -> None:
    assert len(TRIES) >= 200
    sent = {(*each[1:3], *each.headers, each.body) for each in TRIES}
    assert len(sent) == len({each.label for each in TRIES}) == len(TRIES)


@pytest.mark.parametrize("reference", VALID_REFERENCES.values(), ids=VALID_REFERENCES)
def test_what_leads_to_a_ticket_would_show_it_to_bob(
    server: BaseWSGIServer, client: FlaskClient, reference: str
) -> None:
    headers = {"X-Caller-Id": quoted(BOB)}
    found = client.get(f"/tickets/{reference}", headers=headers)
    assert (found.status_code, found.json["caller_id"]) == (200, BOB)


def test_bobs_tag_would_tell_him_that_nothing_has_changed(
    server: BaseWSGIServer, client: FlaskClient
) -> None:
    headers = {"X-Caller-Id": quoted(BOB), "If-None-Match": ETAG}
    assert client.get(f"/tickets/{ID}", headers=headers).status_code == 304
