"""Tests of the header Host: an invalid host name gets a 400 on every route."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Flask
from werkzeug import Response
from werkzeug.test import EnvironBuilder

from ..conftest import ON_MOTO, shared_app
from ..support.desk import ANNA, HTML
from ..support.exhaustive import one_per_path

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

pytestmark = ON_MOTO

# Not all clients can send these host names, so the tests call the WSGI app.
INVALID_HOSTS = [
    "a..b",
    ".a",
    "...",
    f"{64 * 'a'}.example.com",
    64 * "a",
    "xn--a",
    "XN--A",
    "xn--a:5000",
    "a.xn--a.b",
    f"xn--{64 * 'a'}",
]
PAGES = ["/desk", "/desk/", "/desk/sign-in", "/desk/tickets/x", "/desk/none", "/desk/static/x"]
API = ["/tickets?status=open", "/tickets/x", "/openapi.json", "/docs", "/health", "/mcp", "/none"]
PATHS = [*PAGES, *API]


def send(app: Flask, path: str, method: str = "GET", **environ: str) -> Response:
    builder = EnvironBuilder(path=path, method=method, headers=[("x-api-key", ANNA)])
    local: WSGIEnvironment = {**builder.get_environ(), "REMOTE_ADDR": "127.0.0.1"}
    return Response.from_app(app, local | environ)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", one_per_path(INVALID_HOSTS, ["a..b", "xn--a"].__contains__))
def test_rejects_an_invalid_host(desk_app: Flask, host: str, path: str) -> None:
    for app in (desk_app, shared_app()):
        response = send(app, path, HTTP_HOST=host)
        assert response.status_code == 400
        text = response.get_data(as_text=True)
        assert "The header Host is not a valid host name." in text
        is_page = path in PAGES
        assert response.content_type == (HTML if is_page else "application/json")
        assert is_page or '"code":"bad_request"' in text


@pytest.mark.parametrize("host", INVALID_HOSTS)
def test_error_page_for_an_invalid_host_has_its_links(desk_app: Flask, host: str) -> None:
    response = send(desk_app, "/desk", HTTP_HOST=host, SCRIPT_NAME="/poc", HTTP_COOKIE="desk=x")
    text = response.get_data(as_text=True)
    assert 'href="/poc/desk"' in text
    assert 'href="/poc/desk/static/desk.css?v=' in text


@pytest.mark.parametrize("host", [*INVALID_HOSTS, "a b", "[::1", "\xff", ""])
def test_sign_in_form_with_an_invalid_host_gets_no_5xx(desk_app: Flask, host: str) -> None:
    for name in ("HTTP_SEC_FETCH_SITE", "HTTP_ORIGIN"):
        for value in ("same-origin", f"http://{host}"):
            environ = {"HTTP_HOST": host, name: value}
            assert send(desk_app, "/desk/sign-in", "POST", **environ).status_code in (400, 401, 403)


@pytest.mark.parametrize(
    "host", ["localhost", "xn--bcher-kva.example", "my_service:5000", "[::1]:5000", "10.0.0.1"]
)
def test_accepts_other_hosts(desk_app: Flask, host: str) -> None:
    for path in ("/desk/sign-in", "/tickets?status=open"):
        assert send(desk_app, path, HTTP_HOST=host).status_code == 200
