"""Tests of error responses: every route has the right format and leaks no internal detail."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Map

from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO, Log, shared_app
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse

JSON = "application/json"

# Routes without a request that fails like this. The errors of /health are in test_health.py. /mcp
# returns JSON-RPC errors: see tests/mcp/test_transport.py.
OTHERS = {
    ("GET", "/health"),
    ("GET", "/docs"),
    ("POST", "/mcp"),
    ("GET", "/mcp"),
    ("DELETE", "/mcp"),
    ("POST", "/mcp/"),
    ("GET", "/mcp/"),
    ("DELETE", "/mcp/"),
    ("GET", "/notice"),
    ("DELETE", "/notice"),
    ("GET", "/desk/notice"),
    ("GET", "/desk/new"),
    ("GET", "/desk/stats"),
    ("GET", "/desk/bulk"),
    ("GET", "/desk/news"),
    ("GET", "/desk/sign-in"),
    ("POST", "/desk/sign-out"),
}

# For each API route: a path for which a request fails.
FAILING = {
    ("GET", "/tickets"): "/tickets",
    ("POST", "/tickets"): "/tickets",
    ("GET", "/tickets/"): "/tickets/",
    ("GET", "/tickets/<ticket_id>"): "/tickets/unknown",
    ("POST", "/tickets//comments"): "/tickets//comments",
    ("POST", "/tickets/<ticket_id>/comments"): "/tickets/unknown/comments",
    ("PATCH", "/tickets/<ticket_id>"): "/tickets/unknown",
    ("PUT", "/notice"): "/notice",
    ("GET", "/openapi.json"): "/openapi.json?version=2.0",
    ("GET", "/docs/<name>"): "/docs/unknown",
}
# For each desk route: a path for which a request fails. The desk returns an HTML page.
FAILING_PAGES = {
    ("GET", "/desk"): "/desk?status=lost",
    ("POST", "/desk/bulk"): "/desk/bulk",
    ("GET", "/desk/export.csv"): "/desk/export.csv?view=lost",
    ("GET", "/desk/"): "/desk/?cursor=x",
    ("GET", "/desk/tickets/<ticket_id>"): "/desk/tickets/unknown",
    ("POST", "/desk/tickets/<ticket_id>"): "/desk/tickets/unknown",
    ("GET", "/desk/find"): "/desk/find?q=1",
    ("POST", "/desk/new"): "/desk/new",
    ("GET", "/desk/canned-answers"): "/desk/canned-answers?ticket=unknown",
    ("POST", "/desk/canned-answers"): "/desk/canned-answers",
    ("GET", "/desk/canned-answers/<answer_id>"): "/desk/canned-answers/unknown",
    ("POST", "/desk/canned-answers/<answer_id>"): "/desk/canned-answers/unknown",
    ("POST", "/desk/notice"): "/desk/notice",
    ("POST", "/desk/sign-in"): "/desk/sign-in",
    ("GET", "/desk/static/<name>"): "/desk/static/unknown",
}


def routes(url_map: Map) -> set[tuple[str, str]]:
    return {
        (method, rule.rule)
        for rule in url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }


def test_error_tables_cover_every_route() -> None:
    assert routes(shared_app().url_map) == {*FAILING, *FAILING_PAGES, *OTHERS}


@pytest.mark.parametrize(("route", "url"), FAILING.items())
def test_each_api_route_returns_errors_as_json(
    client: FlaskClient, route: tuple[str, str], url: str
) -> None:
    response = client.open(url, method=route[0], data="{")
    assert response.status_code in (400, 404)
    assert response.content_type == JSON
    assert set(response.json) == {"error", "code", "retryable", "request_id"}
    assert response.json["error"].endswith(".")
    assert response.json["request_id"] == response.headers["X-Request-Id"]


@ON_MOTO
@pytest.mark.parametrize(("route", "url"), FAILING_PAGES.items())
def test_each_desk_route_returns_errors_as_a_page(
    client: FlaskClient, route: tuple[str, str], url: str
) -> None:
    headers = {"Sec-Fetch-Site": "same-origin"}
    response = client.open(url, method=route[0], data={}, headers=headers)
    assert response.status_code in (400, 401, 404)
    assert response.content_type == "text/html; charset=utf-8"
    assert "<h1" in response.text
    assert response.text.count("<html") == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/tickets"),
        ("DELETE", "/tickets/x"),
        ("PATCH", "/tickets"),
        ("OPTIONS", "/tickets"),
        ("BREW", "/tickets"),
        ("POST", "/tickets/"),
        ("POST", "/tickets/x"),
        ("GET", "/tickets/x/comments"),
        ("GET", "/tickets/x/"),
        ("POST", "/tickets/x/comments/"),
        ("GET", "/tickets/a%2Fb"),
        ("GET", "/tickets/%2e%2e/x"),
        ("GET", "//tickets"),
        ("GET", "/"),
        ("GET", "/Tickets"),
        ("GET", "/static/x"),
    ],
)
def test_invalid_endpoint(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, method=method)
    assert response.status_code == 404
    assert response.content_type == JSON
    assert response.json["code"] == "no_such_operation"
    assert "POST /tickets/{id}/comments" in response.json["error"]


@ON_MOTO
def test_create_ticket_dynamodb_error(client: FlaskClient, faults: FaultyDynamoDB) -> None:
    faults.faults.append(refuse("ValidationException"))
    response = client.post("/tickets", json={"caller_id": "a", "issue_description": "b"})
    assert response.status_code == 500
    assert response.json["code"] == "storage_unavailable"
    assert "Validation" not in response.text
    assert faults.operations == ["PutItem"]


@ON_MOTO
def test_unexpected_exception(
    client: FlaskClient, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read an item of another program that has a number in place of its comments."""
    item = {"ticket_id": {"S": "odd"}, "comments": {"N": "5"}, "caller_id": {"S": "secret"}}
    Ticket.connection().connection.client.put_item(TableName="poc-itsm-tickets", Item=item)
    monkeypatch.setattr(client.application, "debug", True)
    response = client.get("/tickets/odd")
    assert response.status_code == 500
    assert response.content_type == JSON
    assert response.json["code"] == "internal_error"
    for leak in ("Traceback", "Attribute", "comments", "poc-itsm", ".py"):
        assert leak not in response.text
    (line,) = log.lines("internal_error")
    assert line["level"] == "ERROR"
    assert line["request_id"] == response.json["request_id"]
    assert line["stack"][0] == "AttributeDeserializationError"
    assert any("tickets/get.py" in entry for entry in line["stack"])
    assert "secret" not in log.text
