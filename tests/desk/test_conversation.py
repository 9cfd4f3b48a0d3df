"""Tests of the conversation: notes, hand-overs, history, and links in texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from itsm_app.desk.links import linked
from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO
from ..support.desk import AGENT, ANNA, BOB, Desk

pytestmark = ON_MOTO

NUMBER = "1655-4297-1282"
TICKET = "/desk/tickets/fed87ad4-c84a-5066-8b72-3f05eafb9dd2"


@pytest.fixture
def send(desk_app: Flask) -> Callable[..., Any]:
    """Return a function that sends a request to the API."""

    def send(method: str, path: str, key: str, **body: Any) -> Any:
        client: FlaskClient = desk_app.test_client()
        response = client.open(path, method=method, json=body, headers={"x-api-key": key})
        assert response.status_code < 300, response.text
        return response.json

    return send


def words(html: str) -> str:
    """Return the text of a page without markup."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


def test_an_internal_note_has_its_own_shape_and_words(
    anna: Desk, file_ticket: Callable[..., str], send: Callable[..., Any]
) -> None:
    ticket = file_ticket()
    send("PATCH", f"/tickets/{ticket}", BOB, comment="Psst", visibility="internal")
    send("PATCH", f"/tickets/{ticket}", BOB, comment="Hello")
    page = anna.get(f"/desk/tickets/{ticket}").text
    notes = re.findall(r'<li class="comment note">.*?</li>', page, re.DOTALL)
    assert [words(note).split(" ", 3)[:3] for note in notes] == [["Internal", "note", "bob"]]
    assert "Psst" in notes[0]
    assert page.count("Internal note</span> <strong>") == 1
    assert "Psst" not in str(send("GET", f"/tickets/{ticket}", AGENT))


def test_a_waiting_handover_is_above_the_conversation_and_taken_with_one_button(
    anna: Desk, send: Callable[..., Any], caller: str
) -> None:
    handover = {"reason": "asks for a person", "summary": "Tried twice.", "contact_id": "c-1"}
    body = {"caller_id": caller, "issue_description": "Help", "handover": handover}
    ticket = send("POST", "/tickets", AGENT, **body)["ticket_id"]
    path = f"/desk/tickets/{ticket}"
    page = anna.get(path).text
    banner = words(page.partition('<section class="handover"')[2].partition("</section>")[0])
    assert "The caller waits for a person Waiting for less than a minute, requested by" in banner
    for text in ("voice", "Reason: asks for a person", "Tried twice.", "Contact ID: c-1", "Take"):
        assert text in banner
    assert '<button form="answer" name="take" value="1" class="primary">Take</button>' in page
    assert "Assign to me" not in page
    assert "voice requested a hand-over to a person" in words(page)
    assert anna.post(path, anna.form(path, "Take")).status_code == 303
    page = anna.get(path).text
    assert 'section class="handover"' not in page
    history = words(page)
    assert "You took the ticket" in history
    assert "You ended the wait for a person after 0 h 00 min" in history
    assert "Hand-over to a person requested by voice moments ago Reason: asks for a" in history
    send("POST", f"/tickets/{ticket}/comments", AGENT, comment="Again", handover={})
    page = words(anna.get(path).text)
    assert "The caller waits for a person" in page
    assert "Without reason and summary." in page
    # Anna has the ticket already. Taking it ends the wait.
    assert anna.post(path, anna.form(path, "Take")).status_code == 303
    assert "The caller waits" not in anna.get(path).text


def test_reopening_has_its_own_sentences(
    anna: Desk, file_ticket: Callable[..., str], send: Callable[..., Any]
) -> None:
    ticket = file_ticket()
    path = f"/tickets/{ticket}"
    send("PATCH", path, BOB, status="resolved")
    send("POST", f"{path}/comments", AGENT, comment="Broken again")
    send("PATCH", path, BOB, status="resolved")
    send("PATCH", path, ANNA, status="in_progress")
    page = words(anna.get(f"/desk{path}").text)
    assert "The caller reopened the ticket with a comment" in page
    assert "You reopened the ticket" in page


def test_history_names_the_assignment_to_others_and_unknown_fields(
    anna: Desk, file_ticket: Callable[..., str], send: Callable[..., Any]
) -> None:
    ticket = file_ticket()
    send("PATCH", f"/tickets/{ticket}", BOB, assignee="anna.b")
    send("PATCH", f"/tickets/{ticket}", ANNA, assignee="zoe")
    stored = Ticket.get(ticket)
    event = {**stored.history[-1], "field": "colour", "changed_by": "bob"}
    # The end of a wait whose hand-over was imported without its time.
    end = {**event, "field": "handover"}
    Ticket(ticket).update(actions=[Ticket.history.set([*stored.history, event, end])])
    page = words(anna.get(f"/desk/tickets/{ticket}").text)
    for sentence in (
        "bob assigned the ticket to you",
        "You assigned the ticket to zoe",
        "bob changed the ticket",
        "bob ended the wait for a person ·",
    ):
        assert sentence in page


def test_a_ticket_of_the_desk_shows_who_filed_it(anna: Desk, bob: Desk, caller: str) -> None:
    fields = {"caller_id": caller, "issue_description": "It burns"}
    created = anna.post("/desk/new", {**anna.form("/desk/new", "Create ticket"), **fields})
    assert "filed by you at the desk" in words(anna.get(created.location).text)
    page = words(bob.get(created.location).text)
    assert "filed by anna.b at the desk" in page
    assert "anna.b for the caller" in page


def test_the_newest_entry_is_shown_however_long(
    anna: Desk, file_ticket: Callable[..., str], send: Callable[..., Any]
) -> None:
    ticket = file_ticket()
    send("POST", f"/tickets/{ticket}/comments", AGENT, comment="Earlier")
    send("PATCH", f"/tickets/{ticket}", BOB, comment="'" * 10_000)
    page = anna.get(f"/desk/tickets/{ticket}").text
    assert "&#39;" * 10_000 in page
    assert "Show 1 earlier entry" in page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.com/a?b=1&c=2.", ["https://example.com/a?b=1&c=2"]),
        ("(see http://example.com/A_(b))", ["http://example.com/A_(b)"]),
        ("[https://example.com:8080/#x]!", ["https://example.com:8080/#x"]),
        ("请看https://example.com谢谢", ["https://example.com"]),
        ("ראו https://he.wikipedia.org/wiki/דף, תודה", ["https://he.wikipedia.org/wiki/דף"]),
        ("https://bücher.de/ü", ["https://bücher.de/ü"]),
        ("写信maria.k@example.co.uk谢谢", ["mailto:maria.k@example.co.uk"]),
        (f"{NUMBER}, {NUMBER.replace('-', '')} or {NUMBER.replace('-', ' ')}", [TICKET] * 3),
        (f"ל-{NUMBER} ١٦٥٥٤٢٩٧١٢٨٢", [TICKET] * 2),
        ("1655-4297-1283 and 91655-4297-1282 and 1655-4297-12825", []),
        ("+44 20 7946 0018, 0044 20 79460018", ["tel:+442079460018", "tel:00442079460018"]),
        ("Τηλ. +30 210 5550142.", ["tel:+302105550142"]),
        ("+٩٧٢٢٥٥٥٠١٣٤", []),
        ("+9٧٢٢٥٥٥٠١٣٤", ["tel:+97225550134"]),  # noqa: RUF001 - other digits
        ("030 1234567 or (555) 010-0123", ["tel:0301234567", "tel:5550100123"]),
        ("01.02.2026 10:30, 2026-11-25, 10.0.0.1, 0x80070005, 192.168.100.200", []),
        ("javascript:alert(1) data:text/html,x ftp://example.com vbscript:x", []),
        ("https:// http://... https://-", []),
        ("https://bank.example@evil.example/", ["mailto:bank.example@evil.example"]),
        ("https://example.com/\"onclick='x'<b>", ["https://example.com/"]),
    ],
)
def test_texts_link_addresses_tickets_and_phone_numbers(
    desk_app: Flask, text: str, expected: list[str]
) -> None:
    with desk_app.test_request_context():
        html = str(linked(text))
    assert [unescape(url) for url in re.findall(r'href="([^"]*)"', html)] == expected
    assert unescape(re.sub(r"</?a[^>]*>", "", html)) == text
    for link in re.findall(r"<a [^>]*https?://[^>]*>", html):
        assert 'rel="noopener noreferrer"' in link


def test_links_in_every_text_of_the_ticket_page(
    anna: Desk, send: Callable[..., Any], caller: str
) -> None:
    texts = [f"https://example.com/{n}" for n in range(4)]
    handover = {"summary": texts[2], "reason": texts[3]}
    body = {"caller_id": caller, "issue_description": texts[0], "handover": handover}
    ticket = send("POST", "/tickets", AGENT, **body)["ticket_id"]
    send("POST", f"/tickets/{ticket}/comments", AGENT, comment=texts[1])
    page = anna.get(f"/desk/tickets/{ticket}").text
    assert sorted(re.findall(r'href="(https://example[^"]*)"', page)) == texts
