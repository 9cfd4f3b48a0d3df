"""Tests of sign-in, sessions and cross-site protection of the desk."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from itsdangerous import URLSafeTimedSerializer

from itsm_app import config
from itsm_app.api import auth
from itsm_app.desk import sessions
from tests.support.keyless import keyless_app

from ..conftest import ON_MOTO, shared_app
from ..support.desk import (
    AGENT,
    AGENT_ENTRY,
    ANNA,
    ANNA_ENTRY,
    BOB,
    BOB_ENTRY,
    HTML,
    REMOTE_CLIENT,
    SECRET,
    STAGE,
    Desk,
)
from ..support.keys import fixed_key

pytestmark = ON_MOTO


@pytest.fixture
def ticket(file_ticket: Callable[..., str]) -> str:
    return file_ticket()


def test_redirects_to_sign_in_and_then_to_the_requested_page(desk_app: Flask, ticket: str) -> None:
    desk = Desk(desk_app)
    redirect = desk.get(f"/desk/tickets/{ticket}?entries=all")
    assert redirect.status_code == 303
    assert desk.get(redirect.location).status_code == 200
    _, _, query = redirect.location.partition("?")
    signed_in = desk.sign_in(ANNA, f"?{query}")
    assert (signed_in.status_code, signed_in.location) == (
        303,
        f"/desk/tickets/{ticket}?entries=all",
    )
    assert desk.get(signed_in.location).status_code == 200


def test_link_from_another_site_opens_the_ticket_despite_the_strict_cookie(
    desk_app: Flask, anna: Desk, ticket: str
) -> None:
    """Browsers send a SameSite=Strict cookie with requests from desk pages only."""
    path = f"/desk/tickets/{ticket}?entries=all"
    page = Desk(desk_app).get(path, **{"Sec-Fetch-Site": "cross-site"})
    assert page.status_code == 200
    (refresh_url,) = re.findall(r'content="0; url=([^"]*)"', page.text)
    assert unescape(refresh_url) == f"{path}&from=link"
    assert anna.get(unescape(refresh_url)).status_code == 200
    # Without a cookie the second request goes to the sign-in page, not to the first page again.
    second = Desk(desk_app).get(unescape(refresh_url), **{"Sec-Fetch-Site": "cross-site"})
    assert second.status_code == 303
    hostile = Desk(desk_app).get('/desk/tickets/"><b>', **{"Sec-Fetch-Site": "cross-site"})
    assert "<b>" not in hostile.text


def test_redirects_to_sign_in_with_a_non_ascii_query(desk_app: Flask) -> None:
    raw = {"QUERY_STRING": "status=open&x=\xff"}
    response = desk_app.test_client().get("/desk/", environ_overrides=raw)
    assert response.status_code == 303
    signed_in = Desk(desk_app).sign_in(ANNA, f"?{response.location.partition('?')[2]}")
    assert (signed_in.status_code, signed_in.location) == (303, "/desk/?status=open&x=%FF")


@pytest.mark.parametrize(
    "next_path",
    ["https://evil.example", "//evil.example/", "@evil.example", ".evil.example", "/a\nb"],
)
def test_sign_in_redirects_to_desk_pages_only(desk_app: Flask, next_path: str) -> None:
    response = Desk(desk_app).post("/desk/sign-in", {"key": ANNA})
    assert response.location == "/desk"
    client = desk_app.test_client()
    response = client.post(
        "/desk/sign-in",
        query_string={"next": next_path},
        data={"key": ANNA},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert response.location.startswith("/desk")
    assert response.location in ("/desk", f"/desk{next_path}")
    assert not re.match(r"/desk[^/?]", response.location)


@pytest.mark.parametrize(
    ("key", "status", "message"),
    [
        ("", 401, "This key is not valid"),
        (f"{ANNA}x", 401, "This key is not valid"),
        (ANNA_ENTRY, 401, "This key is not valid"),
        (AGENT, 403, "This key has the role agent"),
    ],
)
def test_rejects_other_keys_with_advice(
    desk_app: Flask, key: str, status: int, message: str
) -> None:
    desk = Desk(desk_app)
    response = desk.sign_in(key, "?next=/new")
    assert response.status_code == status
    assert response.content_type == HTML
    assert message in response.text
    assert "Set-Cookie" not in response.headers
    assert 'action="/desk/sign-in?next=/new"' in response.text
    assert not key or key not in response.text
    assert desk.get("/desk").status_code == 303


def test_accepts_a_key_with_white_space_around_it(desk_app: Flask) -> None:
    assert Desk(desk_app).sign_in(f" {ANNA}\n").status_code == 303


@pytest.mark.parametrize(
    ("base_url", "environ", "secure", "path"),
    [
        ("http://localhost:5000", {}, False, "/desk"),
        ("http://127.0.0.1:5000", {}, False, "/desk"),
        ("http://[::1]:5000", {}, False, "/desk"),
        ("https://localhost:5000", {}, True, "/desk"),
        ("http://tickets.example.com", {}, True, "/desk"),
        ("https://abc.execute-api.us-east-1.amazonaws.com", STAGE, True, "/poc/desk"),
    ],
)
def test_cookie_has_the_strictest_possible_attributes(
    desk_app: Flask, base_url: str, environ: dict[str, str], secure: bool, path: str
) -> None:
    client = desk_app.test_client()
    for url, form in [("/desk/sign-in", {"key": ANNA}), ("/desk/sign-out", {})]:
        response = client.post(
            url,
            base_url=base_url + environ.get("SCRIPT_NAME", ""),
            data=form,
            headers={"Origin": base_url},
        )
        assert response.status_code == 303
        cookie = response.headers["Set-Cookie"]
        assert ("; Secure" in cookie) == (secure and "key" in form)
        assert "; HttpOnly" in cookie
        assert "; SameSite=Strict" in cookie
        assert f"; Path={path}" in cookie
        assert "Domain" not in cookie
        assert f"Max-Age={12 * 3600 if form else 0};" in cookie
        assert ANNA not in cookie
        assert auth.parse(ANNA_ENTRY)[0].digest not in cookie


def make_cookie(payload: object, secret: str = SECRET, salt: str = sessions.COOKIE) -> str:
    cookie = URLSafeTimedSerializer(secret, salt=salt).dumps(payload)
    return cookie if isinstance(cookie, str) else cookie.decode()


def key_fingerprint(entry: str) -> str:
    return hashlib.sha256(auth.parse(entry)[0].digest.encode()).hexdigest()


@pytest.mark.parametrize(
    ("cookie", "status"),
    [
        (make_cookie(["anna.b", key_fingerprint(ANNA_ENTRY)]), 200),
        (make_cookie(["anna.b", key_fingerprint(ANNA_ENTRY)], "t" * 32), 303),
        (make_cookie(["anna.b", key_fingerprint(ANNA_ENTRY)], salt="cookie-session"), 303),
        (make_cookie(["anna.b", key_fingerprint(BOB_ENTRY)]), 303),
        (make_cookie(["bob", key_fingerprint(ANNA_ENTRY)]), 303),
        (make_cookie(["voice", key_fingerprint(AGENT_ENTRY)]), 303),
        (make_cookie(["anna.b", auth.parse(ANNA_ENTRY)[0].digest]), 303),
        (make_cookie(["anna.b", key_fingerprint(ANNA_ENTRY)]).partition(".")[2], 303),
        (make_cookie(["anna.b", key_fingerprint(ANNA_ENTRY)])[:-1], 303),
        (ANNA, 303),
        ("", 303),
    ],
)
def test_rejects_forged_cookies(desk_app: Flask, cookie: str, status: int) -> None:
    client = desk_app.test_client()
    client.set_cookie("desk", cookie, path="/desk")
    assert client.get("/desk").status_code == status


def test_session_expires_after_twelve_hours(anna: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert anna.get("/desk").status_code == 200
    cookie = anna.client.get_cookie("desk", path="/desk").value
    now = int(time.time())
    for seconds, status in [(12 * 3600 - 5, 200), (12 * 3600 + 5, 303)]:
        later = now + seconds
        with monkeypatch.context() as patch:
            patch.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda _, t=later: t)
            anna.client.set_cookie("desk", cookie, path="/desk")
            assert anna.get("/desk").status_code == status


@pytest.mark.parametrize(
    ("entries", "status"),
    [
        (f"{ANNA_ENTRY},{BOB_ENTRY}", 200),
        (BOB_ENTRY, 303),
        (f"{BOB_ENTRY},{fixed_key('anna.b', 'desk', 2)[1]}", 303),
        (ANNA_ENTRY.replace(":desk:", ":agent:"), 303),
        (ANNA_ENTRY.replace("anna.b:", "anna:"), 303),
    ],
)
def test_session_requires_its_key_in_api_keys(
    anna: Desk, monkeypatch: pytest.MonkeyPatch, entries: str, status: int
) -> None:
    cookie = anna.client.get_cookie("desk", path="/desk").value
    monkeypatch.setattr(config, "API_KEYS", entries)
    client = keyless_app().test_client()
    client.set_cookie("desk", cookie, path="/desk")
    assert client.get("/desk").status_code == status


def test_sign_in_replaces_a_planted_cookie(desk_app: Flask) -> None:
    desk = Desk(desk_app)
    desk.client.set_cookie("desk", "planted", path="/desk")
    desk.sign_in(ANNA)
    assert desk.client.get_cookie("desk", path="/desk").value != "planted"
    other = desk_app.test_client()
    other.set_cookie("desk", "planted", path="/desk")
    assert other.get("/desk").status_code == 303


def test_signing_out_ends_the_session(anna: Desk) -> None:
    response = anna.post("/desk/sign-out", {})
    assert "You are signed out" in anna.get(response.location).text
    assert anna.get("/desk").status_code == 303


def test_desk_ignores_keys_in_headers(desk_app: Flask) -> None:
    client = desk_app.test_client()
    for headers in ({"x-api-key": ANNA}, {"Authorization": f"Bearer {ANNA}"}):
        assert client.get("/desk", headers=headers).status_code == 303


@pytest.mark.parametrize("cookie", [True, False])
def test_api_rejects_session_cookies(anna: Desk, cookie: bool) -> None:
    value = anna.client.get_cookie("desk", path="/desk").value
    headers = {"Cookie": f"desk={value}"} if cookie else {"x-api-key": value}
    assert anna.client.get("/tickets?status=open", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Sec-Fetch-Site": "x"}, 403),
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Referer": "http://localhost/desk"}, 403),
        ({}, 403),
    ],
)
def test_rejects_cross_site_forms(
    anna: Desk, ticket: str, stored: Callable[[str], Any], headers: dict[str, str], status: int
) -> None:
    form = anna.form(f"/desk/tickets/{ticket}", "Assign to me")
    for path, fields in [(f"/desk/tickets/{ticket}", form), ("/desk/sign-in", {"key": BOB})]:
        response = anna.client.post(path, data=fields, headers=headers)
        assert response.status_code == status
        if status == 403:
            assert response.content_type == HTML
            assert "nothing was done" in response.text
            assert "Set-Cookie" not in response.headers
    assert ("assignee" in stored(ticket)) == (status == 303)


def test_shows_pages_to_cross_site_requests(anna: Desk) -> None:
    assert anna.client.get("/desk", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_form_sent_without_a_session_can_be_sent_again_after_sign_in(
    desk_app: Flask, anna: Desk, ticket: str, stored: Callable[[str], Any]
) -> None:
    form = {**anna.form(f"/desk/tickets/{ticket}", "Send answer"), "comment": "Try again"}
    signed_out = Desk(desk_app)
    response = signed_out.post(f"/desk/tickets/{ticket}", form)
    assert response.status_code == 401
    assert "WWW-Authenticate" in response.headers
    assert "reload this page" in response.text
    assert stored(ticket)["comments"] == []
    signed_out.sign_in(BOB)
    assert signed_out.post(f"/desk/tickets/{ticket}", form).status_code == 303
    assert stored(ticket)["comments"][0]["author"] == "bob"


@pytest.mark.parametrize(
    ("secret", "in_lambda", "status"),
    [
        ("", False, 200),
        ("", True, 503),
        ("s" * 31, False, 503),
        ("s" * 31, True, 503),
        (SECRET, True, 200),
    ],
)
def test_desk_returns_503_without_a_valid_secret_key(
    desk_app: Flask, monkeypatch: pytest.MonkeyPatch, secret: str, in_lambda: bool, status: int
) -> None:
    monkeypatch.setattr(config, "SECRET_KEY", secret)
    if in_lambda:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "poc-itsm-api-handler")
    desk = Desk(desk_app)
    signed_in = desk.sign_in(ANNA)
    for response in (signed_in, desk.get("/desk"), desk.get("/desk/sign-in")):
        if status == 503:
            assert response.status_code == 503
            assert "SECRET_KEY" in response.text
    assert desk.get("/desk").status_code == status
    # The error page needs its stylesheet.
    assert desk.get("/desk/static/desk.css").status_code == 200
    assert desk.client.get("/tickets/x", headers={"x-api-key": ANNA}).status_code == 404


def test_desk_without_keys_is_open_to_local_requests_only(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "SECRET_KEY", SECRET)
    desk_app = shared_app()
    page = Desk(desk_app).get("/desk")
    assert page.status_code == 200
    assert "local" in page.text
    assert "Sign out" not in page.text
    assert Desk(desk_app).get("/desk/sign-in").location == "/desk"
    for environ in (
        REMOTE_CLIENT,
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_HOST": "a.example"},
    ):
        for path in ("/desk", "/desk/sign-in", "/desk/new"):
            response = Desk(desk_app, environ).get(path)
            assert response.status_code == 503
            assert "API_KEYS" in response.text
