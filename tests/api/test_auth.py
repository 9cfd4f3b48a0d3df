"""Who is let in, and to what: keys and their roles."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug import Response

from itsm_app import config, create_app
from itsm_app.api import auth
from itsm_app.config import InvalidSetting
from itsm_app.tickets.create import create_ticket

from ..conftest import ON_MOTO, Log
from ..support.faulty_dynamodb import FaultyDynamoDB
from ..support.flask_run import command
from .test_error_responses import routes

AGENT, AGENT_ENTRY = auth.make("voice", "agent")
DESK, DESK_ENTRY = auth.make("anna.b", "desk")
ELSEWHERE = {"REMOTE_ADDR": "203.0.113.7"}

# Of each route: the statuses for no key, a wrong key, an agent's, one of the desk's, and an agent's
# that is bound to another caller than the ticket's. The path names a ticket, the body is a comment.
TABLE = {
    ("POST", "/tickets"): (401, 401, 400, 400, 400),
    ("GET", "/tickets"): (401, 401, 400, 400, 200),
    ("GET", "/tickets/"): (401, 401, 400, 400, 400),
    ("GET", "/tickets/<ticket_id>"): (401, 401, 200, 200, 404),
    ("POST", "/tickets//comments"): (401, 401, 400, 400, 400),
    ("POST", "/tickets/<ticket_id>/comments"): (401, 401, 200, 200, 404),
    ("PATCH", "/tickets/<ticket_id>"): (401, 401, 403, 200, 403),
    ("GET", "/health"): (200, 200, 200, 200, 200),
    ("GET", "/openapi.json"): (200, 200, 200, 200, 200),
    ("GET", "/docs"): (200, 200, 200, 200, 200),
    ("GET", "/docs/<name>"): (404, 404, 404, 404, 404),
    ("POST", "/mcp"): (401, 401, 400, 400, 400),
    ("GET", "/mcp"): (401, 401, 405, 405, 405),
    ("DELETE", "/mcp"): (401, 401, 405, 405, 405),
    # The desk takes no key but to sign in: tests/test_desk_sessions.py. Forms need a page of ours.
    ("GET", "/desk"): (303, 303, 303, 303, 403),
    ("GET", "/desk/"): (303, 303, 303, 303, 403),
    ("GET", "/desk/tickets/<ticket_id>"): (303, 303, 303, 303, 403),
    ("POST", "/desk/tickets/<ticket_id>"): (403, 403, 403, 403, 403),
    ("GET", "/desk/find"): (303, 303, 303, 303, 403),
    ("GET", "/desk/new"): (303, 303, 303, 303, 403),
    ("POST", "/desk/new"): (403, 403, 403, 403, 403),
    ("GET", "/desk/stats"): (303, 303, 303, 303, 403),
    ("GET", "/desk/sign-in"): (200, 200, 200, 200, 403),
    ("POST", "/desk/sign-in"): (403, 403, 403, 403, 403),
    ("POST", "/desk/sign-out"): (403, 403, 403, 403, 403),
    ("GET", "/desk/static/<name>"): (404, 404, 404, 404, 404),
}
SENDERS = ("no key", "wrong key", "agent", "desk", "other caller")
BODY = {"comment": "Hello?"}
OTHER = {"X-Caller-Id": "somebody-else"}
CELLS = [
    (method, path, sender, status)
    for (method, path), statuses in TABLE.items()
    for sender, status in zip(SENDERS, statuses, strict=True)
]


@pytest.fixture
def client(engine: str, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client of an app with keys."""
    monkeypatch.setattr(config, "API_KEYS", f"{AGENT_ENTRY}, {DESK_ENTRY}")
    return create_app().test_client()


def sent_by(sender: str) -> dict[str, str]:
    keys_of = {"wrong key": f"{DESK}x", "desk": DESK, "no key": ""}
    key = keys_of.get(sender, AGENT)
    bound = OTHER if sender == "other caller" else {}
    return {**bound, **({"x-api-key": key} if key else {})}


def test_every_route_has_its_row() -> None:
    assert routes(create_app().url_map) == set(TABLE)


@ON_MOTO
@pytest.mark.parametrize(("method", "path", "sender", "status"), CELLS)
def test_each_route_lets_in_whom_it_should(
    client: FlaskClient,
    faults: FaultyDynamoDB,
    caller: str,
    method: str,
    path: str,
    sender: str,
    status: int,
) -> None:
    ticket, _ = create_ticket(caller, "My printer is on fire")
    faults.operations.clear()
    sent = BODY if method in ("POST", "PATCH") else None
    path = path.replace("<ticket_id>", ticket.ticket_id).replace("<name>", "none")
    response = client.open(path, method=method, headers=sent_by(sender), json=sent)
    assert response.status_code == status
    if status in (303, 401, 403):
        assert faults.operations == []


@ON_MOTO
@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": AGENT},
        {"X-API-Key": AGENT},
        {"Authorization": f"Bearer {AGENT}"},
        {"Authorization": f"bearer  {AGENT} "},
        {"x-api-key": AGENT, "Authorization": "Basic eDp5"},
    ],
)
def test_a_key_may_come_in_either_header(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.get("/tickets/x", headers=headers).status_code == 404


@ON_MOTO
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"x-api-key": AGENT[:-1]},
        {"x-api-key": f"{AGENT},{AGENT}"},
        {"x-api-key": AGENT.upper()},
        {"x-api-key": hashlib.sha256(AGENT.encode()).hexdigest()},
        {"x-api-key": AGENT_ENTRY},
        {"x-api-key": "\u00e9"},
        {"x-api-key": "wrong", "Authorization": f"Bearer {AGENT}"},
        {"Authorization": AGENT},
        {"Authorization": f"Basic {AGENT}"},
        {"Authorization": "Bearer"},
        {"Cookie": f"x-api-key={AGENT}"},
    ],
)
def test_anything_else_is_refused_by_saying_how_to_do_better(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    response = client.get(f"/tickets/x?x-api-key={AGENT}", headers=headers)
    assert (response.status_code, response.json["code"]) == (401, "key_refused")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="tickets"'
    assert "x-api-key" in response.json["error"]


class Unread:
    """A body that must not be read."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("the body was read")


@ON_MOTO
def test_a_body_is_not_read_without_a_key(client: FlaskClient) -> None:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/tickets",
        "CONTENT_LENGTH": "10",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": Unread(),
    }
    assert Response.from_app(client.application, environ).status_code == 401


@ON_MOTO
def test_two_keys_of_a_role_are_good_at_once(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = auth.make("voice", "agent"), auth.make("voice", "agent")
    monkeypatch.setattr(config, "API_KEYS", f"{old[1]},{new[1]}")
    client = create_app().test_client()
    for key, _ in (old, new):
        assert client.get("/tickets/x", headers={"x-api-key": key}).status_code == 404


@pytest.mark.parametrize(
    ("entries", "position"),
    [
        ("x", 1),
        (f"{AGENT_ENTRY},", None),
        (f"{AGENT_ENTRY},{AGENT}", 2),
        (f"{AGENT_ENTRY} {DESK_ENTRY}", 1),
        (AGENT_ENTRY.replace("agent", "admin"), 1),
        (AGENT_ENTRY.replace("voice", "a b"), 1),
        (AGENT_ENTRY.replace("voice", ""), 1),
        (AGENT_ENTRY[:-1], 1),
        (f"{AGENT_ENTRY}0", 1),
    ],
)
def test_a_malformed_entry_stops_the_start_by_its_position(
    monkeypatch: pytest.MonkeyPatch, entries: str, position: int | None
) -> None:
    monkeypatch.setattr(config, "API_KEYS", entries)
    if position is None:
        assert create_app()
        return
    with pytest.raises(InvalidSetting) as refused:
        create_app()
    assert f"Entry {position} of API_KEYS" in str(refused.value)
    assert AGENT not in str(refused.value)


@ON_MOTO
def test_without_keys_it_is_open_to_this_machine_only(engine: str) -> None:
    client = create_app().test_client()
    for address, status in [("127.0.0.1", 404), ("127.8.9.1", 404), ("::1", 404)]:
        environ = {"REMOTE_ADDR": address}
        assert client.get("/tickets/x", environ_overrides=environ).status_code == status
    for environ in (
        ELSEWHERE,
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "localhost"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_HOST": "evil.example:5000"},
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_ORIGIN": "null"},
    ):
        response = client.get("/tickets/x", environ_overrides=environ)
        assert (response.status_code, response.json["code"]) == (503, "no_keys")
        assert client.get("/health", environ_overrides=environ).status_code == 200


@ON_MOTO
def test_a_lambda_without_keys_is_closed(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "poc-itsm-api-handler")
    response = create_app().test_client().get("/tickets/x")
    assert (response.status_code, response.json["code"]) == (503, "no_keys")
    assert "flask new-key" in response.json["error"]


@ON_MOTO
def test_no_line_of_the_log_holds_a_key(client: FlaskClient, log: Log) -> None:
    for headers in ({"x-api-key": AGENT}, {"x-api-key": f"{AGENT}x"}):
        client.get(f"/tickets/x?key={AGENT}", headers=headers)
    assert len(log.lines("request")) == 2
    assert AGENT not in log.text


@ON_MOTO
def test_a_new_key_is_printed_once_with_an_entry_that_admits_it(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = command("new-key", "kiosk-1", "--role", "desk").stdout
    key, entry = re.findall(r": (\S+)$", printed, re.MULTILINE)
    assert re.fullmatch(r"itsm_[\w-]{43}", key)
    assert key not in entry
    monkeypatch.setattr(config, "API_KEYS", entry)
    client = create_app().test_client()
    assert client.get("/tickets/x", headers={"x-api-key": key}).status_code == 404
    assert command("new-key", "kiosk-1", "--role", "desk").stdout != printed


@pytest.mark.parametrize(
    "arguments", [["a b", "--role", "desk"], ["a", "--role", "admin"], ["a"], ["x" * 65]]
)
def test_a_key_needs_a_name_and_a_role(arguments: list[str]) -> None:
    result = command("new-key", *arguments)
    assert (result.returncode, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("environment", "arguments", "said"),
    [
        ({"API_KEYS": "x"}, [], "Entry 1 of API_KEYS is malformed"),
        ({}, ["--host", "0.0.0.0"], "others can reach the API, and there are no API_KEYS"),
        ({}, ["--host", "::"], "others can reach the API, and there are no API_KEYS"),
    ],
)
def test_flask_run_refuses_what_would_be_open_or_broken(
    environment: dict[str, str], arguments: list[str], said: str
) -> None:
    result = command("run", *arguments, **environment)
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
