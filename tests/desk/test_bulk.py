"""Tests of changes of several tickets at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO
from ..support.desk import BOB, HTML, Desk, form
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse

pytestmark = [ON_MOTO, pytest.mark.usefixtures("empty_table")]

File = Callable[..., str]
Change = Callable[..., None]
Stored = Callable[[str], Any]
Fields = dict[str, str | list[str]]


def select(page: str, button: str, tickets: list[str] | None = None, **fields: str) -> Fields:
    """Return what the form around a list sends if tickets, or all, are selected."""
    values = re.findall(r'name="ticket" value="([^"]*)"', page)
    chosen = [each for each in values if tickets is None or each.partition("@")[0] in tickets]
    return {**form(page, button), "ticket": chosen, **fields}


def submit(desk: Desk, fields: Fields) -> str:
    """Send the form, and return the page to which the desk redirects."""
    response = desk.post("/desk/bulk", fields)
    assert response.status_code == 303
    return desk.get(response.location).text


def results(page: str) -> str:
    """Return the text of the results on a page."""
    (html,) = re.findall(r'id="results".*?</section>', page, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html.partition(">")[2])).split())


@pytest.fixture
def tickets(file_ticket: File) -> list[str]:
    return [file_ticket(f"Ticket {number}") for number in range(3)]


def test_each_action_changes_the_selected_tickets(
    anna: Desk, tickets: list[str], stored: Stored
) -> None:
    chosen = tickets[:2]
    for view, button, fields, word, field, value in [
        ("open", "Assign", {"new_assignee": "bob"}, "assigned", "assignee", "bob"),
        ("open", "Take", {}, "assigned to you", "assignee", "anna.b"),
        ("mine", "Set priority", {"new_priority": "urgent"}, "set to the new priority", "priority",
         "urgent"),
        ("mine", "Resolve", {}, "resolved", "status", "resolved"),
    ]:  # fmt: skip
        page = anna.get(f"/desk?view={view}").text
        page = submit(anna, select(page, button, chosen, **fields))
        numbers = " ".join(stored(ticket)["ticket_number"] for ticket in chosen)
        assert sorted(results(page).split()) == sorted(f"2 of 2 tickets {word}. {numbers}".split())
        assert 'aria-current="page"' in page
        assert [stored(ticket).get(field) for ticket in chosen] == [value] * 2
    assert stored(tickets[2])["status"] == "open"
    assert "history" not in stored(tickets[2])


def test_closing_needs_a_confirmation_that_names_the_tickets(
    anna: Desk, tickets: list[str], stored: Stored, bob: Desk, change: Change
) -> None:
    page = anna.get("/desk?view=open&priority=normal").text
    fields = select(page, "Close…", tickets[:2])
    confirmation = anna.client.get("/desk/bulk", query_string=fields)
    assert confirmation.status_code == 200
    assert "Close 2 tickets?" in confirmation.text
    assert [f"<bdi>Ticket {number}</bdi>" in confirmation.text for number in range(3)] == [
        True, True, False,
    ]  # fmt: skip
    assert 'href="/desk?view=open&amp;priority=normal">Cancel' in confirmation.text
    assert stored(tickets[0])["status"] == "open"
    change(tickets[1], BOB, comment="Wait")
    page = submit(anna, select(confirmation.text, "Close 2 tickets"))
    assert "1 of 2 tickets closed." in results(page)
    assert [stored(ticket)["status"] for ticket in tickets] == ["closed", "open", "open"]


def test_closing_without_confirmation_changes_nothing(
    anna: Desk, tickets: list[str], stored: Stored
) -> None:
    page = submit(anna, select(anna.get("/desk").text, "Close…"))
    assert "needs your confirmation" in page
    assert stored(tickets[0])["status"] == "open"


def test_confirmation_leaves_out_tickets_that_do_not_exist(anna: Desk, tickets: list[str]) -> None:
    fields = select(anna.get("/desk").text, "Close…", tickets[:1])
    query = {**fields, "ticket": [*fields["ticket"], "none@2026"]}
    assert "Close 1 ticket?" in anna.client.get("/desk/bulk", query_string=query).text
    nothing = anna.client.get("/desk/bulk", query_string={**query, "ticket": "none@2026"})
    assert "Select 1 to 25 tickets first" in anna.get(nothing.location).text


def test_leaves_tickets_alone_that_changed_meanwhile(
    anna: Desk, tickets: list[str], stored: Stored, change: Change, call: Change
) -> None:
    fields = select(anna.get("/desk").text, "Take")
    call(tickets[0])
    change(tickets[1], BOB, comment="Not yet!", visibility="internal")
    page = submit(anna, fields)
    assert results(page).startswith("1 of 3 tickets assigned to you.")
    changed = "Left alone: the ticket has changed since the list was shown."
    assert results(page).count(changed) == 2
    assert [stored(ticket).get("assignee") for ticket in tickets] == [None, None, "anna.b"]


def test_internal_note_from_before_does_not_count_as_a_change(
    anna: Desk, tickets: list[str], change: Change
) -> None:
    change(tickets[0], BOB, comment="Old printer", visibility="internal")
    page = submit(anna, select(anna.get("/desk").text, "Take", tickets[:1]))
    assert "1 of 1 ticket assigned to you." in results(page)


def test_reports_why_a_ticket_was_not_changed(
    anna: Desk, tickets: list[str], change: Change
) -> None:
    change(tickets[0], status="resolved", assignee="anna.b")
    change(tickets[1], assignee="anna.b")
    page = anna.get("/desk?view=mine").text
    change(tickets[1], status="closed")
    fields = select(page, "Resolve", tickets[:2])
    fields["ticket"] = [*fields["ticket"], "none@2026", "1234-5678-9012@2026"]
    Ticket.get(tickets[0]).update(actions=[Ticket.status.set("closed")])
    texts = results(submit(anna, fields))
    assert texts.startswith("0 of 4 tickets resolved.")
    assert "the ticket does not exist any more" in texts
    assert "the desk cannot change this ticket" in texts
    assert texts.count("has changed since the list was shown") == 1
    assert texts.count("the status of the ticket does not allow this") == 1


def test_form_sent_twice_takes_effect_once(anna: Desk, tickets: list[str], stored: Stored) -> None:
    fields = select(anna.get("/desk").text, "Resolve")
    for _ in range(2):
        assert "3 of 3 tickets resolved." in results(submit(anna, fields))
    assert [len(stored(ticket)["history"]) for ticket in tickets] == [1, 1, 1]
    other = results(submit(anna, {**fields, "action": "take"}))
    assert other.count("this form was already sent with another action") == 3


def test_storage_failure_leaves_the_other_tickets_untried(
    anna: Desk, tickets: list[str], faults: FaultyDynamoDB, stored: Stored
) -> None:
    fields = select(anna.get("/desk").text, "Take")
    faults.faults.append(refuse("AccessDeniedException"))
    texts = results(submit(anna, fields))
    assert texts.startswith("0 of 3 tickets assigned to you.")
    assert texts.count("The tickets are not available") == 1
    assert texts.count("Not tried") == 2
    assert [stored(ticket).get("assignee") for ticket in tickets] == [None] * 3


def test_stops_when_the_time_is_over(
    anna: Desk, tickets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = select(anna.get("/desk").text, "Take")
    monkeypatch.setattr("itsm_app.api.bulk_changes.MAX_SECONDS", -1)
    assert results(submit(anna, fields)).count("Not tried") == len(tickets)


def test_returns_to_the_same_page_of_the_list(anna: Desk, file_ticket: File) -> None:
    for number in range(26):
        file_ticket(f"Ticket {number}")
    (url,) = re.findall(r'rel="next" href="([^"]*)"', anna.get("/desk?view=open").text)
    response = anna.post("/desk/bulk", select(anna.get(unescape(url)).text, "Take"))
    assert response.location.startswith(unescape(url))
    assert "End of the list" not in anna.get(response.location).text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"action": "take"}, "Select 1 to 25 tickets first."),
        ({"action": "take", "ticket": [f"{n}@1" for n in range(26)]}, "Select 1 to 25 tickets"),
        ({"action": "take", "ticket": "@1"}, "Select 1 to 25 tickets"),
        ({"action": "assign", "ticket": "x@1"}, "Write the name of the new assignee first"),
        ({"action": "assign", "ticket": "x@1", "new_assignee": "x" * 101}, "up to 100 characters"),
        ({"action": "priority", "ticket": "x@1"}, "Choose the new priority first."),
        ({"action": "priority", "ticket": "x@1", "new_priority": "x"}, "Choose the new priority"),
    ],
)
def test_incomplete_form_changes_nothing_and_says_why(
    anna: Desk, faults: FaultyDynamoDB, fields: Fields, message: str
) -> None:
    response = anna.post("/desk/bulk", {**fields, "back": "view=waiting"})
    assert faults.operations == []
    assert response.status_code == 303
    assert response.location.startswith("/desk?view=waiting&problem=")
    page = anna.get(response.location).text
    assert message in page
    assert 'role="alert"' in page


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("POST", {}),
        ("POST", {"action": "explode", "ticket": "x@1"}),
        ("POST", {"action": "take", "ticket": "x@1", "idempotency_key": "x" * 101}),
        ("GET", {"ticket": "x@1", "idempotency_key": "x" * 101}),
    ],
)
def test_rejects_forms_that_no_page_sends(anna: Desk, method: str, fields: Fields) -> None:
    if method == "POST":
        response = anna.post("/desk/bulk", fields)
    else:
        response = anna.client.get("/desk/bulk", query_string=fields)
    assert (response.status_code, response.content_type) == (400, HTML)


@pytest.mark.parametrize(
    "back", ["view=lost", "//evil.example", "view=open&cursor=x&evil=1", "x" * 3000, "\r\nX: y"]
)
def test_returns_to_lists_of_the_desk_only(anna: Desk, tickets: list[str], back: str) -> None:
    fields = select(anna.get("/desk").text, "Take", tickets[:1], back=back)
    location = anna.post("/desk/bulk", fields).location
    assert re.match(r"/desk\?(view=open&cursor=x&)?results=", location)
    assert "evil" not in location


def test_shows_only_own_results_of_the_desk(
    anna: Desk, bob: Desk, tickets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = select(anna.get("/desk").text, "Take")
    url = anna.post("/desk/bulk", fields).location
    assert 'id="results"' in anna.get(url).text
    assert 'id="results"' not in bob.get(url).text
    for forged in (url[:-1], f"{url}x", "/desk?results=x", "/desk?results="):
        assert 'id="results"' not in anna.get(forged).text
    monkeypatch.setattr("itsm_app.desk.bulk.RESULT_SECONDS", -1)
    assert 'id="results"' not in anna.get(url).text


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {}]
)
def test_rejects_cross_site_changes(
    anna: Desk, tickets: list[str], stored: Stored, headers: dict[str, str]
) -> None:
    fields = select(anna.get("/desk").text, "Take")
    response = anna.client.post("/desk/bulk", data=fields, headers=headers)
    assert response.status_code == 403
    assert "assignee" not in stored(tickets[0])
    bound = anna.post("/desk/bulk", fields, **{"X-Caller-Id": "%2B1555"})
    assert bound.status_code == 403


def test_closed_tickets_cannot_be_selected(anna: Desk, tickets: list[str], change: Change) -> None:
    change(tickets[0], status="closed")
    page = anna.get("/desk?view=closed").text
    assert tickets[0] in page
    assert 'name="ticket"' not in page
    assert 'name="action"' not in page
