"""Take the pictures of the docs: set `SCREENSHOTS=docs/screenshots`, then run this file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.browser import chromium
from ..support.desk import AGENT, ANNA, BOB
from ..support.desk_server import Server, run_server

pytestmark = pytest.mark.browser

MARIA = "maria.k@example.com"
# The age in minutes, the caller, the description, and the changes at the desk.
CALLS: list[tuple[int, str, str, dict[str, Any]]] = [
    (4320, MARIA, "The badge printer is slow", {"status": "resolved", "comment": "New toner."}),
    (190, "+15550100", "My printer is on fire and the whole floor smells of it. I pulled the plug.",
     {"priority": "urgent", "assignee": "anna.b", "comment": "Somebody is on the way."}),
    (1500, "+442079460018", "Laptop doesn't wake from sleep after the last update",
     {"priority": "high", "assignee": "bob", "status": "in_progress"}),
    (47, "+97225550134", "המסך שלי שחור מאז הבוקר, ואי אפשר להתחבר (error 0x80070005)", {}),
    (33, "+15550142", "Outlook asks for my password every five minutes", {"priority": "low"}),
    (21, "+15550188", "Please reset my password", {"assignee": "anna.b"}),
    (9, "+302105550142", "Δεν ανάβει η κάμερα στην αίθουσα συσκέψεων", {"priority": "high"}),
    (2, "+15550100", "The new printer is offline", {}),
]  # fmt: skip
SUMMARY = (
    "The badge printer on floor 3 does not print. Restarted the printer twice. The caller wants a"
    " person, because the fair opens at noon. Call back on +44 20 7946 0018."
)


def create_past_tickets(server: Server) -> None:
    """Create tickets that were answered and resolved on each of the last days."""
    for days in range(1, 14):
        for number in range(1 + days * 5 % 4):
            ticket = server.create_ticket(f"+1555020{days:02}{number}", "I forgot my password")
            for change in ({"comment": "We reset your password."}, {"status": "resolved"}):
                server.request("PATCH", f"/tickets/{ticket}", BOB, json=change)
            server.set_age(ticket, 1440 * days + 90 * number, lasted=60 + days * 40 % 170)


def create_tickets(server: Server) -> str:
    """Create the tickets of the pictures. Return the id of the ticket with a hand-over."""
    for minutes, caller, text, change in CALLS:
        ticket = server.create_ticket(caller, text)
        if change:
            server.request("PATCH", f"/tickets/{ticket}", BOB, json=change)
        if "comment" in change and "status" not in change:
            reply = {"comment": "Thank you. Is there any news?"}
            server.request("POST", f"/tickets/{ticket}/comments", AGENT, json=reply)
        server.set_age(ticket, minutes)
    ticket = server.create_ticket(MARIA, "The badge printer on floor 3 does not print.")
    path = f"/tickets/{ticket}"
    changes: list[dict[str, Any]] = [
        {"priority": "high", "assignee": "bob"},
        {"comment": "Please try the printer on floor 2."},
        {"comment": "The spare part is ordered, not in stock.", "visibility": "internal"},
    ]
    for change in changes:
        server.request("PATCH", path, BOB, json=change)
    handover: dict[str, Any] = {
        "reason": "fair opens at noon",
        "summary": SUMMARY,
        "contact_id": "c-4711",
    }
    call = {"comment": "Floor 2 is locked. I need a person.", "handover": handover}
    server.request("POST", f"{path}/comments", AGENT, json=call)
    server.set_age(ticket, 65)
    other = server.create_ticket("+15550177", "I cannot sign in, and I speak only Greek")
    server.request(
        "POST",
        f"/tickets/{other}/comments",
        AGENT,
        json={"comment": "A person, please", "handover": {"reason": "asks for a person"}},
    )
    server.set_age(other, 14)
    return ticket


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Server]:
    with run_server(tmp_path / "dynamodb") as server:
        yield server


def test_pictures_show_handovers_priorities_replies_and_notes(
    gallery: Server, tmp_path: Path
) -> None:
    create_past_tickets(gallery)
    ticket = create_tickets(gallery)
    gallery.await_search("printer", 4)
    pictures = [
        ("queue-light", "/desk", 1280, "light", ["Waiting: ", "New reply", "Urgent"]),
        ("search-light", "/desk/find?q=printer", 1280, "light", ["Found in", "Hand-over:"]),
        ("ticket-dark", f"/desk/tickets/{ticket}", 1280, "dark", ["Latest tickets of this caller"]),
        ("ticket-phone", f"/desk/tickets/{ticket}", 390, "light", ["Internal note", "c-4711"]),
        ("stats-light", "/desk/stats", 1280, "light", ["Backlog by priority", "bob"]),
    ]
    with chromium(gallery.url, tmp_path / "profile") as browser:
        browser.sign_in(ANNA)
        for name, path, width, scheme, texts in pictures:
            browser.set_width(width)
            browser.set_color_scheme(scheme)
            browser.go(path)
            for text in texts:
                assert text in browser.text()
            assert browser.overflow() == 0
            browser.screenshot(name)
