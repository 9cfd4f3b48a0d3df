"""Tests that hostile or very long text cannot break the desk pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask

from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO
from ..support.desk import AGENT, ANNA, Desk
from ..support.exhaustive import one_per_path

pytestmark = ON_MOTO


@pytest.fixture
def ticket(file_ticket: Callable[..., str]) -> str:
    return file_ticket()


HOSTILE = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": "\" autofocus onfocus=alert(1) x=' `",
    "template": "{{12345679*9}} {% for x in y %} ${12345679*9} <%= 12345679*9 %>",
    "bidi": "a\u202etxt.exe\u2066\u2067\u200f\u061c b",
    "controls": "a\u0000b\u0007c\u001bd\u2028e\u0085f",
    "combining": "Z" + "\u0335\u0321\u0353" * 30,
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 200,
    "quotes": "\"'" * 500,
    "long": "x" * 1000,
    "scheme": "javascript:alert(1) https://a.example/\"onmouseover=alert(1) <a href='https://b.example'>",
    "link": 'https://a.example/?q=<script>alert(1)</script>&\u202etxt.exe a@b.example"onfocus=x',
}


@pytest.mark.parametrize("name", one_per_path(HOSTILE, lambda name: name in ("script", "bidi")))
def test_every_page_escapes_hostile_text_in_every_field(
    desk_app: Flask, anna: Desk, file_ticket: Callable[..., str], name: str
) -> None:
    text, short = HOSTILE[name], HOSTILE[name][:100]
    ticket = file_ticket(text)
    path, caller = f"/desk/tickets/{ticket}", f"{name}{short}"[:100]
    # Earlier releases stored caller ids with control and format characters.
    Ticket.get(ticket).update(actions=[Ticket.caller_id.set(caller)])
    client, key = desk_app.test_client(), {"x-api-key": ANNA}
    client.post(f"/tickets/{ticket}/comments", json={"comment": text}, headers=key)
    handover = {"reason": short, "summary": text, "contact_id": short}
    client.post(
        f"/tickets/{ticket}/comments", json={"comment": text, "handover": handover}, headers=key
    )
    sent = {"answer_id": "1", "name": short[:60], "text": text}
    assert anna.post("/desk/canned-answers", sent).status_code in (303, 409)
    notice = {"text": text[:300], "minutes": 5, "ticket_number": ticket}
    assert client.put("/notice", json=notice, headers=key).status_code == 200
    for change in (
        {"comment": text, "visibility": "internal"},
        {"assignee": short},
        {"comment": text},
        {"assignee": f"b{short}"[:100]},
    ):
        etag = client.get(f"/tickets/{ticket}", headers=key).headers["ETag"]
        headers = {"If-Match": etag, **key}
        assert client.patch(f"/tickets/{ticket}", json=change, headers=headers).status_code == 200
    outdated = {**anna.form(path, "Send answer"), "version": "0", "comment": text}
    too_long = text + "x" * 1001
    pages = {
        path: anna.get(path),
        "queue": anna.client.get("/desk", query_string={"assignee": f"b{short}"[:100]}),
        "find": anna.client.get("/desk/find", query_string={"q": caller}),
        "new": anna.client.get(
            "/desk/new", query_string={"caller_id": short, "issue_description": text}
        ),
        "outdated": anna.post(path, outdated),
        "canned": anna.get(f"/desk/canned-answers?ticket={ticket}"),
        "canned answer": anna.get("/desk/canned-answers/1"),
        "notice": anna.get("/desk/notice"),
        "wrong notice": anna.post("/desk/notice", {"text": text, "ticket_number": short}),
        "merge": anna.post(path, {"duplicate_of": text, "comment": text}),
        "follow-up": anna.client.get("/desk/new", query_string={"follow_up_of": text}),
        "close": anna.post(path, {"status": "closed", "version": text, "idempotency_key": text}),
        "done": anna.client.get(path, query_string={"done": text}),
        "next": desk_app.test_client().get("/desk/sign-in", query_string={"next": text}),
        "rejected new": anna.post("/desk/new", {"caller_id": short, "issue_description": too_long}),
        "status": anna.client.get("/desk", query_string={"status": short}),
    }
    for where, response in pages.items():
        page = response.text
        assert response.status_code in (200, 400, 404, 412), where
        assert "<script>" not in page, where
        assert "<img" not in page, where
        schemes = re.findall(r'<a [^>]*href="(\w+):', page)
        assert set(schemes) <= {"http", "https", "mailto", "tel"}, where
        assert not re.search(r"<[^>]*\sonfocus=", re.sub(r'"[^"]*"', '""', page)), where
        assert "111111111" not in page, where
        assert len(response.data) < 50_000, where
        # A control character for the text direction must not affect the text after its element.
        for line in (line for line in page.split("\n") if "\u202e" in line):
            assert re.search(r'<bdi[^>]*>[^<]*\u202e|dir="auto"|value="', line), (where, line)
    assert text.partition("\0")[0] in unescape(pages[path].text)


def test_full_list_pages_of_the_longest_texts_are_under_50_kb(
    anna: Desk, file_ticket: Callable[..., str], caller: str
) -> None:
    caller = (caller + '"' * 100)[:100]
    for _ in range(25):
        ticket = Ticket.get(file_ticket('"' * 1000, caller))
        ticket.assignee = '"' * 100
        ticket.save()
    queue = anna.client.get("/desk", query_string={"order": "newest"})
    assert queue.text.count("/desk/tickets/") == 25
    found = anna.client.get("/desk/find", query_string={"q": caller})
    assert found.text.count("/desk/tickets/") == 25
    for page in (queue, found):
        assert len(page.data) < 50_000


def test_long_conversation_shows_the_latest_entries_and_all_on_request(
    anna: Desk, desk_app: Flask, ticket: str
) -> None:
    client, key = desk_app.test_client(), {"x-api-key": AGENT}
    for number in range(30):
        body = {"comment": f"{number:03}" + '"' * 900}
        client.post(f"/tickets/{ticket}/comments", json=body, headers=key)
    page = anna.get(f"/desk/tickets/{ticket}")
    assert len(page.data) < 50_000
    shown = re.findall(r">(\d{3})&#34;", page.text)
    assert shown == [f"{number:03}" for number in range(30 - len(shown), 30)]
    assert f"Show {30 - len(shown)} earlier entries" in page.text
    everything = anna.get(f"/desk/tickets/{ticket}?entries=all").text
    assert len(re.findall(r">(\d{3})&#34;", everything)) == 30
    assert "earlier" not in everything
