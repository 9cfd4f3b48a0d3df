"""Tests of API keys and the roles they grant."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from werkzeug import Response

from itsm_app import config, create_app
from itsm_app.api import auth
from itsm_app.config import InvalidSetting
from itsm_app.tickets.create import create_ticket

from ..conftest import ON_MOTO, Log, shared_app
from ..support.exhaustive import exhaustive
from ..support.faulty_dynamodb import FaultyDynamoDB
from ..support.flask_run import command
from ..support.keys import fixed_key
from .test_error_responses import routes

AGENT, AGENT_ENTRY = fixed_key("voice", "agent")
DESK, DESK_ENTRY = fixed_key("anna.b", "desk")
REMOTE_CLIENT = {"REMOTE_ADDR": "203.0.113.7"}

# The expected statuses of each route, in the order of SENDERS. "other caller" is an agent key with
# a request that is bound to a different caller than the ticket's.
EXPECTED_STATUSES = {
    ("POST", "/tickets"): (401, 401, 400, 400, 400),
    ("GET", "/tickets"): (401, 401, 400, 400, 200),
    ("GET", "/tickets/"): (401, 401, 400, 400, 400),
    ("GET", "/tickets/<ticket_id>"): (401, 401, 200, 200, 404),
    ("POST", "/tickets//comments"): (401, 401, 400, 400, 400),
    ("POST", "/tickets/<ticket_id>/comments"): (401, 401, 200, 200, 404),
    ("PATCH", "/tickets/<ticket_id>"): (401, 401, 403, 200, 403),
    ("GET", "/notice"): (401, 401, 403, 200, 403),
    ("PUT", "/notice"): (401, 401, 403, 400, 403),
    ("DELETE", "/notice"): (401, 401, 403, 200, 403),
    ("GET", "/health"): (200, 200, 200, 200, 200),
    ("GET", "/openapi.json"): (200, 200, 200, 200, 200),
    ("GET", "/docs"): (200, 200, 200, 200, 200),
    ("GET", "/docs/<name>"): (404, 404, 404, 404, 404),
    ("POST", "/mcp"): (401, 401, 400, 400, 400),
    ("GET", "/mcp"): (401, 401, 405, 405, 405),
    ("DELETE", "/mcp"): (401, 401, 405, 405, 405),
    ("POST", "/mcp/"): (401, 401, 400, 400, 400),
    ("GET", "/mcp/"): (401, 401, 405, 405, 405),
    ("DELETE", "/mcp/"): (401, 401, 405, 405, 405),
    # The desk accepts a key only for signing in: see tests/desk/test_sessions.py. It accepts a form
    # only from one of its own pages, so these POST requests get 403.
    ("GET", "/desk"): (303, 303, 303, 303, 403),
    ("GET", "/desk/"): (303, 303, 303, 303, 403),
    ("GET", "/desk/bulk"): (303, 303, 303, 303, 403),
    ("POST", "/desk/bulk"): (403, 403, 403, 403, 403),
    ("GET", "/desk/export.csv"): (303, 303, 303, 303, 403),
    ("GET", "/desk/news"): (303, 303, 303, 303, 403),
    ("GET", "/desk/tickets/<ticket_id>"): (303, 303, 303, 303, 403),
    ("POST", "/desk/tickets/<ticket_id>"): (403, 403, 403, 403, 403),
    ("GET", "/desk/find"): (303, 303, 303, 303, 403),
    ("GET", "/desk/new"): (303, 303, 303, 303, 403),
    ("POST", "/desk/new"): (403, 403, 403, 403, 403),
    ("GET", "/desk/canned-answers"): (303, 303, 303, 303, 403),
    ("POST", "/desk/canned-answers"): (403, 403, 403, 403, 403),
    ("GET", "/desk/canned-answers/<answer_id>"): (303, 303, 303, 303, 403),
    ("POST", "/desk/canned-answers/<answer_id>"): (403, 403, 403, 403, 403),
    ("GET", "/desk/notice"): (303, 303, 303, 303, 403),
    ("POST", "/desk/notice"): (403, 403, 403, 403, 403),
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
    for (method, path), statuses in EXPECTED_STATUSES.items()
    for sender, status in zip(SENDERS, statuses, strict=True)
]


@pytest.fixture(scope="module")
def app() -> Flask:
    """Create an app that has an agent key and a desk key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "API_KEYS", f"{AGENT_ENTRY}, {DESK_ENTRY}")
        return create_app()


@pytest.fixture
def client(engine: str, app: Flask) -> FlaskClient:
    return app.test_client()


def headers_of(sender: str) -> dict[str, str]:
    keys_of = {"wrong key": f"{DESK}x", "desk": DESK, "no key": ""}
    key = keys_of.get(sender, AGENT)
    bound = OTHER if sender == "other caller" else {}
    return {**bound, **({"x-api-key": key} if key else {})}


def test_access_table_covers_every_route() -> None:
    assert routes(shared_app().url_map) == set(EXPECTED_STATUSES)


@ON_MOTO
@pytest.mark.parametrize(("method", "path", "sender", "status"), CELLS)
def test_route_returns_the_expected_status_for_each_sender(
    client: FlaskClient,
    faults: FaultyDynamoDB,
    caller: str,
    method: str,
    path: str,
    sender: str,
    status: int,
) -> None:
    if "<ticket_id>" in path:
        ticket, _ = create_ticket(caller, "My printer is on fire")
        path = path.replace("<ticket_id>", ticket.ticket_id)
    faults.operations.clear()
    body = BODY if method in ("POST", "PATCH") else None
    path = path.replace("<name>", "none")
    response = client.open(path, method=method, headers=headers_of(sender), json=body)
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
        {"x-api-key": AGENT, "Authorization": "Bearer wrong"},
        {"x-api-key": "wrong", "Authorization": f"Bearer {AGENT}"},
        {"x-api-key": "", "Authorization": f"Bearer {AGENT}"},
    ],
)
def test_accepts_a_key_in_either_header(client: FlaskClient, headers: dict[str, str]) -> None:
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
        {"x-api-key": "wrong", "Authorization": "Bearer wrong"},
        {"Authorization": AGENT},
        {"Authorization": f"Basic {AGENT}"},
        {"Authorization": "Bearer"},
        {"Cookie": f"x-api-key={AGENT}"},
    ],
)
def test_rejects_missing_and_invalid_keys_with_instructions(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    response = client.get(f"/tickets/x?x-api-key={AGENT}", headers=headers)
    assert (response.status_code, response.json["code"]) == (401, "key_refused")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="tickets"'
    assert "x-api-key" in response.json["error"]


@ON_MOTO
@pytest.mark.parametrize(("bearer", "other", "status"), [(AGENT, DESK, 403), (DESK, AGENT, 404)])
def test_bearer_token_wins_over_another_valid_key(
    client: FlaskClient, bearer: str, other: str, status: int
) -> None:
    headers = {"x-api-key": other, "Authorization": f"Bearer {bearer}"}
    assert client.patch("/tickets/x", headers=headers, json=BODY).status_code == status


class UnreadableBody:
    """A request body that fails the test when it is read."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("the body was read")


@ON_MOTO
def test_rejects_a_request_without_a_key_before_reading_its_body(client: FlaskClient) -> None:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/tickets",
        "CONTENT_LENGTH": "10",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": UnreadableBody(),
    }
    assert Response.from_app(client.application, environ).status_code == 401


@ON_MOTO
def test_accepts_two_keys_with_the_same_name_and_role(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = auth.make("voice", "agent"), auth.make("voice", "agent")
    monkeypatch.setattr(config, "API_KEYS", f"{old[1]},{new[1]}")
    client = create_app().test_client()
    for key, _ in (old, new):
        assert client.get("/tickets/x", headers={"x-api-key": key}).status_code == 404


@pytest.mark.parametrize(
    ("entries", "position"),
    [
        ("x", 1),
        # A comma at the end is allowed.
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
def test_startup_fails_on_a_malformed_entry_and_names_its_position(
    monkeypatch: pytest.MonkeyPatch, entries: str, position: int | None
) -> None:
    monkeypatch.setattr(config, "API_KEYS", entries)
    if position is None:
        assert create_app()
        return
    with pytest.raises(InvalidSetting) as error:
        create_app()
    assert f"Entry {position} of API_KEYS" in str(error.value)
    assert AGENT not in str(error.value)


@ON_MOTO
def test_without_keys_the_api_accepts_only_requests_from_this_machine(engine: str) -> None:
    client = shared_app().test_client()
    for address, status in [("127.0.0.1", 404), ("127.8.9.1", 404), ("::1", 404)]:
        environ = {"REMOTE_ADDR": address}
        assert client.get("/tickets/x", environ_overrides=environ).status_code == status
    for environ in (
        REMOTE_CLIENT,
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "localhost"},
        {"HTTP_HOST": "evil.example:5000"},
        {"HTTP_HOST": "[::1"},
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_ORIGIN": "http://["},
    ):
        response = client.get("/tickets/x", environ_overrides=environ)
        assert (response.status_code, response.json["code"]) == (503, "no_keys")
        assert client.get("/health", environ_overrides=environ).status_code == 200


PROXY_HEADERS = [
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Server",
    "X-Forwarded",
    "X-Real-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "CF-Connecting-IPv6",
    "CF-Ray",
    "CF-Visitor",
    "CDN-Loop",
    "Client-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "Fastly-Client-IP",
    "Fly-Client-IP",
    "X-Azure-ClientIP",
    "X-Original-Forwarded-For",
    "X-Original-Host",
    "X-Envoy-External-Address",
]


@ON_MOTO
@pytest.mark.parametrize("name", PROXY_HEADERS)
def test_without_keys_the_api_rejects_requests_of_proxies(client: FlaskClient, name: str) -> None:
    client = shared_app().test_client()
    for value in ("127.0.0.1", ""):
        response = client.get("/tickets/x", headers={name.lower(): value})
        assert (response.status_code, response.json["code"]) == (503, "no_keys")


@ON_MOTO
@pytest.mark.parametrize("name", ["User-Agent", "X-Request-Id", "Viable", "X-Cf", "Cookie"])
def test_without_keys_the_api_accepts_other_headers(client: FlaskClient, name: str) -> None:
    response = shared_app().test_client().get("/tickets/x", headers={name: "127.0.0.1"})
    assert response.status_code == 404


@ON_MOTO
def test_without_keys_only_flask_run_accepts_requests(engine: str) -> None:
    """Another server can hide that a proxy forwarded the request."""
    response = create_app().test_client().get("/tickets/x")
    assert (response.status_code, response.json["code"]) == (503, "no_keys")


@ON_MOTO
@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 404), ("none", 404), ("same-site", 503), ("cross-site", 503)],
)
def test_without_keys_no_page_of_another_origin_can_write(
    engine: str, site: str, status: int
) -> None:
    client = shared_app().test_client()
    # `same-site` includes pages of another port of this machine.
    headers = {"Sec-Fetch-Site": site, "Origin": "http://localhost:3000"}
    response = client.post("/tickets/x/comments", data='{"comment": "x"}', headers=headers)
    assert response.status_code == status
    assert client.get("/tickets/x", headers=headers).status_code == 404


@ON_MOTO
def test_lambda_without_keys_returns_503(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "poc-itsm-api-handler")
    response = shared_app().test_client().get("/tickets/x")
    assert (response.status_code, response.json["code"]) == (503, "no_keys")
    assert "flask new-key" in response.json["error"]


@ON_MOTO
def test_log_contains_no_key(client: FlaskClient, log: Log) -> None:
    for headers in ({"x-api-key": AGENT}, {"x-api-key": f"{AGENT}x"}):
        client.get(f"/tickets/x?key={AGENT}", headers=headers)
    assert len(log.lines("request")) == 2
    assert AGENT not in log.text


def new_key(*arguments: str) -> Result:
    return shared_app().test_cli_runner().invoke(args=["new-key", *arguments])


@ON_MOTO
def test_new_key_prints_a_random_key_and_an_entry_that_accepts_it(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = command("new-key", "kiosk-1", "--role", "desk").stdout
    key, entry = re.findall(r": (\S+)$", printed, re.MULTILINE)
    assert re.fullmatch(r"itsm_[\w-]{43}", key)
    assert key not in entry
    monkeypatch.setattr(config, "API_KEYS", entry)
    client = create_app().test_client()
    assert client.get("/tickets/x", headers={"x-api-key": key}).status_code == 404
    assert new_key("kiosk-1", "--role", "desk").stdout != printed


@pytest.mark.parametrize(
    "arguments", [["a b", "--role", "desk"], ["a", "--role", "admin"], ["a"], ["x" * 65]]
)
def test_new_key_requires_a_valid_name_and_role(arguments: list[str]) -> None:
    result = new_key(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("environment", "arguments", "message"),
    [
        ({"API_KEYS": "x"}, [], "Entry 1 of API_KEYS is malformed"),
        ({}, ["--host", "0.0.0.0"], "other machines can reach the API"),
        exhaustive(({}, ["--host", "::"], "other machines can reach the API")),
    ],
)
def test_flask_run_refuses_to_start_if_open_to_others_or_misconfigured(
    environment: dict[str, str], arguments: list[str], message: str
) -> None:
    result = command("run", *arguments, **environment)
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
