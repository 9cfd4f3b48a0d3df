"""Tests of the app under Waitress behind nginx: TLS, URLs, headers and limits."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from ..support.single_server import AGENT, ANNA, HOST, Nginx, Server, nginx, server

pytestmark = pytest.mark.server

NEW = {"caller_id": "+15550100", "issue_description": "My printer is on fire"}


def create(web: Nginx, **headers: str) -> requests.Response:
    return web.session(AGENT).post(f"{web.url}/tickets", json=NEW, headers=headers)


def test_creates_and_reads_a_ticket(web: Nginx) -> None:
    created = create(web)
    assert created.status_code == 201
    location = created.headers["Location"]
    ticket = web.session(AGENT).get(f"{web.url}{location}").json()
    assert ticket["issue_description"] == NEW["issue_description"]
    assert created.headers["Strict-Transport-Security"]


def test_signs_in_to_the_desk(web: Nginx) -> None:
    ticket = create(web).json()["ticket_id"]
    browser = web.session()
    page = browser.get(f"{web.url}/desk/tickets/{ticket}")
    assert page.url.startswith(f"{web.url}/desk/sign-in?next=")
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": web.url}
    signed_in = browser.post(page.url, data={"key": ANNA}, headers=headers)
    assert signed_in.url == f"{web.url}/desk/tickets/{ticket}"
    assert NEW["issue_description"] in signed_in.text
    cookie = signed_in.history[0].headers["Set-Cookie"]
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/desk"} <= {*cookie.split("; ")}
    assert browser.get(f"{web.url}/desk").url == f"{web.url}/desk"
    # A browser without `Sec-Fetch-Site` sends its origin only.
    form = {"caller_id": "a", "issue_description": "b", "idempotency_key": str(uuid4())}
    answer = browser.post(f"{web.url}/desk/new", data=form, headers={"Origin": web.url})
    assert answer.url.startswith(f"{web.url}/desk/tickets/")
    foreign = browser.post(f"{web.url}/desk/new", data=form, headers={"Origin": "https://x.test"})
    assert foreign.status_code == 403


def test_every_link_of_the_desk_stays_on_the_host(web: Nginx) -> None:
    browser = web.session()
    headers = {"Sec-Fetch-Site": "same-origin"}
    page = browser.post(f"{web.url}/desk/sign-in", data={"key": ANNA}, headers=headers)
    links = re.findall(r'(?:href|action|src)="([^"]*)"', page.text)
    assert len(links) > 5
    assert all(link.startswith(("/desk", "?", "#", "data:")) for link in links), links


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Forwarded-Proto": "http"},
        {"X-Forwarded-Host": "evil.test", "X-Forwarded-Port": "1", "X-Forwarded-Prefix": "/x"},
        {"Forwarded": "for=1.2.3.4;host=evil.test;proto=http"},
        {"X-Forwarded-For": "1.2.3.4", "Via": "1.1 x", "X-Real-IP": "1.2.3.4"},
    ],
)
def test_urls_have_the_scheme_and_host_of_the_server(web: Nginx, headers: dict[str, str]) -> None:
    document = web.session().get(f"{web.url}/openapi.json", headers=headers).json()
    assert document["servers"] == [{"url": web.url}]
    redirect = web.session().get(f"{web.url}/desk", headers=headers, allow_redirects=False)
    location = redirect.headers["Location"]
    assert location == "/desk/sign-in" or location.startswith(f"{web.url}/desk/sign-in")
    assert create(web, **headers).status_code == 201


FORGED = {
    "Forwarded": "for=127.0.0.1",
    "X-Forwarded-For": "127.0.0.1",
    "X-Real-IP": "127.0.0.1",
    "Host": "localhost",
}


def test_nobody_gets_in_without_keys(tmp_path: Path, folder: Path) -> None:
    """`flask run` accepts requests of the same machine. Behind nginx, all requests look so."""
    (tmp_path / "nginx").mkdir()
    with server(folder, API_KEYS="") as app, nginx(tmp_path / "nginx", app.port) as web:
        for url, headers in ((web.url, FORGED | {"Host": HOST}), (web.url, {}), (app.url, FORGED)):
            for path in ("/tickets?caller=a", "/desk"):
                response = web.session().get(f"{url}{path}", headers=headers)
                assert response.status_code == 503, (url, path, headers)


def test_plain_http_redirects_to_https(web: Nginx) -> None:
    response = web.session().get(
        f"http://{HOST}:{web.http_port}/desk?status=open", allow_redirects=False
    )
    assert response.status_code == 308
    assert response.headers["Location"] == f"https://{HOST}/desk?status=open"


def test_other_host_names_get_no_response(web: Nginx) -> None:
    context = ssl.create_default_context(cafile=web.ca)
    for name in ("other.example.com", "127.0.0.1"):
        connection = socket.create_connection(("127.0.0.1", web.port), 5)
        with connection, pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_hostname=name)
    # The certificate of one name, and the request of another.
    response = raw(web, b"GET /health HTTP/1.1\r\nHost: other.example.com\r\n\r\n")
    assert response == b""


@pytest.mark.parametrize("target", [b"http://[", b"http://a]/health", b"x://[::1/health"])
def test_target_that_waitress_cannot_parse_gets_a_400(web: Nginx, target: bytes) -> None:
    response = raw(web, b"GET " + target + b" HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 400 ")


def raw(web: Nginx, request: bytes) -> bytes:
    """Send bytes over TLS and return everything that is received within a second of silence."""
    context = ssl.create_default_context(cafile=web.ca)
    plain = socket.create_connection(("127.0.0.1", web.port), 5)
    with plain, context.wrap_socket(plain, server_hostname=HOST) as connection:
        connection.settimeout(1)
        connection.sendall(request)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except (TimeoutError, ssl.SSLEOFError, ConnectionError):
            pass
        return received


def test_etags_stay_strong(web: Nginx) -> None:
    ticket = create(web).json()["ticket_id"]
    desk = web.session(ANNA)
    tag = desk.get(f"{web.url}/tickets/{ticket}").headers["ETag"]
    assert not tag.startswith("W/")
    changed = desk.patch(
        f"{web.url}/tickets/{ticket}", json={"priority": "high"}, headers={"If-Match": tag}
    )
    assert changed.status_code == 200


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"data": b"x" * 70_000}, 413, "body_too_large"),
        ({"data": b"x" * 140_000}, 413, "body_too_large"),
        ({"data": iter([b"x" * 100_000, b"x" * 100_000])}, 413, "body_too_large"),
        ({"headers": {"X-Long": "x" * 40_000}}, 400, "bad_request"),
        ({"params": {"x": "x" * 10_000}}, 400, "bad_request"),
    ],
    ids=["70 kB", "140 kB", "200 kB in chunks", "long header", "long path"],
)
def test_every_error_is_json(
    web: Nginx, request_: dict[str, object], status: int, code: str
) -> None:
    response = web.session(AGENT).post(f"{web.url}/tickets", **request_)  # type: ignore[arg-type]
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    error = response.json()
    assert error["code"] == code
    assert error["request_id"]
    assert error["error"]


def test_logs_contain_no_path_and_no_caller_id(app_server: Server, web: Nginx) -> None:
    session = web.session(AGENT)
    secret = f"secret-{uuid4()}"
    session.get(f"{web.url}/tickets", params={"caller": secret})
    session.get(f"{web.url}/tickets/{secret}")
    session.post(f"{web.url}/tickets/{secret}", data=b"x" * 200_000)
    created = create(web)
    for _ in range(100):
        access_log = (web.folder / "itsm-app.log").read_text()
        if created.headers["X-Request-Id"] in access_log:
            break
        time.sleep(0.05)
    assert created.headers["X-Request-Id"] in access_log
    for text in (access_log, (web.folder / "itsm-app-error.log").read_text(), app_server.log()):
        assert secret not in text
        assert "/tickets/" not in text.replace("/tickets/<ticket_id>", "")
    # Every line is JSON, that of Waitress too.
    assert app_server.lines("request")
    assert app_server.lines(f"Serving on http://127.0.0.1:{app_server.port}")


def test_one_client_cannot_use_up_the_server(
    tmp_path: Path, folder: Path, app_server: Server
) -> None:
    (tmp_path / "nginx").mkdir()
    with nginx(tmp_path / "nginx", app_server.port) as web:
        session = web.session(AGENT)
        responses = []
        for number in range(300):
            # The limit counts the address of the connection, whatever the client says.
            session.headers["X-Forwarded-For"] = session.headers["X-Real-IP"] = f"10.0.0.{number}"
            responses.append(session.get(f"{web.url}/tickets/x"))
        assert {response.status_code for response in responses} == {404, 429}
        refused = responses[-1].json()
        assert (refused["code"], refused["retryable"]) == ("too_many_requests", True)
        assert session.get(f"{web.url}/health").status_code == 200
        log = (web.folder / "itsm-app.log").read_text()
        addresses = {line.split()[1] for line in log.splitlines()}
        assert addresses == {"127.0.0.1"}


def test_a_stopped_app_is_a_retryable_error(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "nginx").mkdir()
    with server(folder) as app, nginx(tmp_path / "nginx", app.port) as web:
        assert create(web).status_code == 201
        app.stop()
        response = create(web)
        assert response.status_code == 503
        assert (response.json()["code"], response.json()["retryable"]) == (
            "service_unavailable",
            True,
        )


@pytest.fixture
def half_open() -> Iterator[list[socket.socket]]:
    """Collect connections, and close them at the end."""
    connections: list[socket.socket] = []
    yield connections
    for connection in connections:
        connection.close()


UNFINISHED = [
    b"GET /tickets?caller=a HTTP/1.1\r\nHost: %b\r\nX-Slow: " % HOST.encode(),
    b"POST /tickets HTTP/1.1\r\nHost: %b\r\nContent-Length: 1000\r\n\r\n{" % HOST.encode(),
]


def test_400_half_open_requests_do_not_block_waitress(
    app_server: Server, half_open: list[socket.socket]
) -> None:
    for number in range(400):
        half_open.append(socket.create_connection(("127.0.0.1", app_server.port), 5))
        half_open[-1].sendall(UNFINISHED[number % 2])
    for _ in range(3):
        start = time.monotonic()
        assert app_server.get("/health").status_code == 200
        assert app_server.create().status_code == 201
        assert time.monotonic() - start < 1


def test_400_half_open_requests_do_not_block_nginx(
    web: Nginx, half_open: list[socket.socket]
) -> None:
    context = ssl.create_default_context(cafile=web.ca)
    for number in range(400):
        plain = socket.create_connection(("127.0.0.1", web.port), 5)
        half_open.append(context.wrap_socket(plain, server_hostname=HOST))
        half_open[-1].sendall(UNFINISHED[number % 2])
    for _ in range(3):
        start = time.monotonic()
        assert web.session().get(f"{web.url}/health").status_code == 200
        assert time.monotonic() - start < 1
