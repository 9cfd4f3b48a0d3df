"""Who is let in to the desk, and for how long."""

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

from itsm_app import config, create_app
from itsm_app.api import auth
from itsm_app.desk import sessions

from ..conftest import ON_MOTO
from ..support.desk import (
    AGENT,
    AGENT_ENTRY,
    ANNA,
    ANNA_ENTRY,
    BOB,
    BOB_ENTRY,
    REMOTE_CLIENT,
    HTML,
    SECRET,
    STAGE,
    Desk,
)

pytestmark = ON_MOTO


@pytest.fixture
def ticket(file_ticket: Callable[..., str]) -> str:
    return file_ticket()


def test_who_is_not_signed_in_is_led_to_it_and_then_on(desk_app: Flask, ticket: str) -> None:
    desk = Desk(desk_app)
    sent = desk.get(f"/desk/tickets/{ticket}?entries=all")
    assert (sent.status_code, sent.data) != (200, b"")
    assert sent.status_code == 303
    assert desk.get(sent.location).status_code == 200
    _, _, query = sent.location.partition("?")
    there = desk.sign_in(ANNA, f"?{query}")
    assert (there.status_code, there.location) == (303, f"/desk/tickets/{ticket}?entries=all")
    assert desk.get(there.location).status_code == 200


def test_who_follows_a_link_from_elsewhere_comes_back_with_their_cookie(
    desk_app: Flask, anna: Desk, ticket: str
) -> None:
    """Browsers send no strict cookie with it, but from a page of the desk they do."""
    path = f"/desk/tickets/{ticket}?entries=all"
    page = Desk(desk_app).get(path, **{"Sec-Fetch-Site": "cross-site"})
    assert page.status_code == 200
    (following,) = re.findall(r'content="0; url=([^"]*)"', page.text)
    assert unescape(following) == f"{path}&from=link"
    assert anna.get(unescape(following)).status_code == 200
    # Who has none is not led in a circle.
    again = Desk(desk_app).get(unescape(following), **{"Sec-Fetch-Site": "cross-site"})
    assert again.status_code == 303
    hostile = Desk(desk_app).get('/desk/tickets/"><b>', **{"Sec-Fetch-Site": "cross-site"})
    assert "<b>" not in hostile.text


def test_a_query_that_is_not_ascii_leads_to_sign_in_too(desk_app: Flask) -> None:
    raw = {"QUERY_STRING": "status=open&x=\xff"}
    response = desk_app.test_client().get("/desk/", environ_overrides=raw)
    assert response.status_code == 303
    there = Desk(desk_app).sign_in(ANNA, f"?{response.location.partition('?')[2]}")
    assert (there.status_code, there.location) == (303, "/desk/?status=open&x=%FF")


@pytest.mark.parametrize(
    "below", ["https://evil.example", "//evil.example/", "@evil.example", ".evil.example", "/a\nb"]
)
def test_signing_in_leads_nowhere_else(desk_app: Flask, below: str) -> None:
    response = Desk(desk_app).post("/desk/sign-in", {"key": ANNA})
    assert response.location == "/desk"
    client = desk_app.test_client()
    response = client.post(
        "/desk/sign-in",
        query_string={"next": below},
        data={"key": ANNA},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert response.location.startswith("/desk")
    assert response.location in ("/desk", f"/desk{below}")
    assert not re.match(r"/desk[^/?]", response.location)


@pytest.mark.parametrize(
    ("key", "status", "said"),
    [
        ("", 401, "not a key of this desk"),
        (f"{ANNA}x", 401, "not a key of this desk"),
        (ANNA_ENTRY, 401, "not a key of this desk"),
        (AGENT, 403, "This key is an agent"),
    ],
)
def test_any_other_key_is_refused_with_what_to_do(
    desk_app: Flask, key: str, status: int, said: str
) -> None:
    desk = Desk(desk_app)
    response = desk.sign_in(key, "?next=/new")
    assert response.status_code == status
    assert response.content_type == HTML
    assert said in response.text
    assert "Set-Cookie" not in response.headers
    assert 'action="/desk/sign-in?next=/new"' in response.text
    assert not key or key not in response.text
    assert desk.get("/desk").status_code == 303


def test_a_key_may_be_pasted_with_white_space(desk_app: Flask) -> None:
    assert Desk(desk_app).sign_in(f" {ANNA}\n").status_code == 303


@pytest.mark.parametrize(
    ("base", "environ", "secure", "path"),
    [
        ("http://localhost:5000", {}, False, "/desk"),
        ("http://127.0.0.1:5000", {}, False, "/desk"),
        ("http://[::1]:5000", {}, False, "/desk"),
        ("https://localhost:5000", {}, True, "/desk"),
        ("http://tickets.example.com", {}, True, "/desk"),
        ("https://abc.execute-api.us-east-1.amazonaws.com", STAGE, True, "/poc/desk"),
    ],
)
def test_the_cookie_goes_no_further_than_it_must(
    desk_app: Flask, base: str, environ: dict[str, str], secure: bool, path: str
) -> None:
    client = desk_app.test_client()
    for url, form in [("/desk/sign-in", {"key": ANNA}), ("/desk/sign-out", {})]:
        response = client.post(
            url,
            base_url=base + environ.get("SCRIPT_NAME", ""),
            data=form,
            headers={"Origin": base},
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


def cookie_of(payload: object, secret: str = SECRET, salt: str = sessions.COOKIE) -> str:
    made = URLSafeTimedSerializer(secret, salt=salt).dumps(payload)
    return made if isinstance(made, str) else made.decode()


def mark(entry: str) -> str:
    return hashlib.sha256(auth.parse(entry)[0].digest.encode()).hexdigest()


@pytest.mark.parametrize(
    ("cookie", "status"),
    [
        (cookie_of(["anna.b", mark(ANNA_ENTRY)]), 200),
        (cookie_of(["anna.b", mark(ANNA_ENTRY)], "t" * 32), 303),
        (cookie_of(["anna.b", mark(ANNA_ENTRY)], salt="cookie-session"), 303),
        (cookie_of(["anna.b", mark(BOB_ENTRY)]), 303),
        (cookie_of(["bob", mark(ANNA_ENTRY)]), 303),
        (cookie_of(["voice", mark(AGENT_ENTRY)]), 303),
        (cookie_of(["anna.b", auth.parse(ANNA_ENTRY)[0].digest]), 303),
        (cookie_of(["anna.b", mark(ANNA_ENTRY)]).partition(".")[2], 303),
        (cookie_of(["anna.b", mark(ANNA_ENTRY)])[:-1], 303),
        (ANNA, 303),
        ("", 303),
    ],
)
def test_a_forged_cookie_opens_nothing(desk_app: Flask, cookie: str, status: int) -> None:
    client = desk_app.test_client()
    client.set_cookie("desk", cookie, path="/desk")
    assert client.get("/desk").status_code == status


def test_a_session_ends_after_twelve_hours(anna: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert anna.get("/desk").status_code == 200
    cookie = anna.client.get_cookie("desk", path="/desk").value
    now = int(time.time())
    for seconds, status in [(12 * 3600 - 5, 200), (12 * 3600 + 5, 303)]:
        late = now + seconds
        with monkeypatch.context() as patch:
            patch.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda _, t=late: t)
            anna.client.set_cookie("desk", cookie, path="/desk")
            assert anna.get("/desk").status_code == status


@pytest.mark.parametrize(
    ("entries", "status"),
    [
        (f"{ANNA_ENTRY},{BOB_ENTRY}", 200),
        (BOB_ENTRY, 303),
        (f"{BOB_ENTRY},{auth.make('anna.b', 'desk')[1]}", 303),
        (ANNA_ENTRY.replace(":desk:", ":agent:"), 303),
        (ANNA_ENTRY.replace("anna.b:", "anna:"), 303),
    ],
)
def test_a_session_ends_with_its_key(
    anna: Desk, monkeypatch: pytest.MonkeyPatch, entries: str, status: int
) -> None:
    cookie = anna.client.get_cookie("desk", path="/desk").value
    monkeypatch.setattr(config, "API_KEYS", entries)
    client = create_app().test_client()
    client.set_cookie("desk", cookie, path="/desk")
    assert client.get("/desk").status_code == status


def test_a_cookie_from_before_signing_in_is_worth_nothing(desk_app: Flask) -> None:
    desk = Desk(desk_app)
    desk.client.set_cookie("desk", "planted", path="/desk")
    desk.sign_in(ANNA)
    assert desk.client.get_cookie("desk", path="/desk").value != "planted"
    other = desk_app.test_client()
    other.set_cookie("desk", "planted", path="/desk")
    assert other.get("/desk").status_code == 303


def test_signing_out_ends_it(anna: Desk) -> None:
    response = anna.post("/desk/sign-out", {})
    assert "You are signed out" in anna.get(response.location).text
    assert anna.get("/desk").status_code == 303


def test_a_key_in_a_header_is_no_session(desk_app: Flask) -> None:
    client = desk_app.test_client()
    for headers in ({"x-api-key": ANNA}, {"Authorization": f"Bearer {ANNA}"}):
        assert client.get("/desk", headers=headers).status_code == 303


@pytest.mark.parametrize("cookie", [True, False])
def test_a_session_is_no_key(anna: Desk, cookie: bool) -> None:
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
def test_a_form_of_another_site_does_nothing(
    anna: Desk, ticket: str, stored: Callable[[str], Any], headers: dict[str, str], status: int
) -> None:
    form = anna.form(f"/desk/tickets/{ticket}", "Assign to me")
    for path, sent in [(f"/desk/tickets/{ticket}", form), ("/desk/sign-in", {"key": BOB})]:
        response = anna.client.post(path, data=sent, headers=headers)
        assert response.status_code == status
        if status == 403:
            assert response.content_type == HTML
            assert "nothing was done" in response.text
            assert "Set-Cookie" not in response.headers
    assert ("assignee" in stored(ticket)) == (status == 303)


def test_a_page_asked_for_from_elsewhere_is_only_shown(anna: Desk) -> None:
    assert anna.client.get("/desk", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_a_form_sent_after_the_session_is_told_how_to_send_it_again(
    desk_app: Flask, anna: Desk, ticket: str, stored: Callable[[str], Any]
) -> None:
    form = {**anna.form(f"/desk/tickets/{ticket}", "Send answer"), "comment": "Try again"}
    stranger = Desk(desk_app)
    response = stranger.post(f"/desk/tickets/{ticket}", form)
    assert response.status_code == 401
    assert "WWW-Authenticate" in response.headers
    assert "reload this page" in response.text
    assert stored(ticket)["comments"] == []
    stranger.sign_in(BOB)
    assert stranger.post(f"/desk/tickets/{ticket}", form).status_code == 303
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
def test_without_a_secret_to_sign_with_the_desk_is_shut(
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
    # What the page that says so is drawn with.
    assert desk.get("/desk/static/desk.css").status_code == 200
    assert desk.client.get("/tickets/x", headers={"x-api-key": ANNA}).status_code == 404


def test_without_keys_the_desk_is_open_to_this_machine_only(
    desk_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "API_KEYS", "")
    desk_app = create_app()
    page = Desk(desk_app).get("/desk")
    assert page.status_code == 200
    assert "local" in page.text
    assert "Sign out" not in page.text
    assert Desk(desk_app).get("/desk/sign-in").location == "/desk"
    for environ in (REMOTE_CLIENT, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, {"HTTP_HOST": "a.example"}):
        for path in ("/desk", "/desk/sign-in", "/desk/new"):
            response = Desk(desk_app, environ).get(path)
            assert response.status_code == 503
            assert "API_KEYS" in response.text
