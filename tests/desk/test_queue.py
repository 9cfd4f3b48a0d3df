"""Tests of the desk's lists: views, counts, order, marks and links."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask

from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO
from ..support.desk import ANNA, BOB, HTML, Desk
from ..support.faulty_dynamodb import FaultyDynamoDB

pytestmark = ON_MOTO
in_empty_table = pytest.mark.usefixtures("empty_table")

File = Callable[..., str]
Change = Callable[..., None]


def shown(page: str) -> list[str]:
    """Return the ids of the tickets in the list of a page."""
    return re.findall(r'role="rowheader"><a href="/desk/tickets/([\w-]{36})', page)


def row(page: str, ticket: str) -> str:
    (found,) = [each for each in page.split("<tr ") if f"/desk/tickets/{ticket}" in each]
    return found


def counts(page: str) -> list[str]:
    return re.findall(r'<span class="count">([^<]*)<', page)


@pytest.fixture
def tickets(file_ticket: File, change: Change, call: Change) -> dict[str, str]:
    """Create a ticket for each place in the views."""
    names = ("old", "urgent", "waiting", "mine", "bob", "started", "resolved", "closed")
    ids = {name: file_ticket(name) for name in names}
    change(ids["urgent"], priority="urgent")
    call(ids["waiting"], handover={"reason": "asks for a person"})
    change(ids["mine"], assignee="anna.b")
    change(ids["bob"], BOB, assignee="bob", priority="low")
    change(ids["started"], status="in_progress", assignee="anna.b")
    change(ids["resolved"], status="resolved", assignee="anna.b")
    change(ids["closed"], status="closed")
    return ids


# The query, the title of the page, and the tickets in their order.
VIEWS = [
    ("", "Open tickets", "waiting urgent old mine bob"),
    ("?view=open", "Open tickets", "waiting urgent old mine bob"),
    ("?view=waiting", "Waiting hand-overs", "waiting"),
    ("?view=mine", "My tickets", "mine started resolved"),
    ("?view=unassigned", "Unassigned tickets", "waiting urgent old"),
    ("?view=in_progress", "In progress tickets", "started"),
    ("?view=resolved", "Resolved tickets", "resolved"),
    ("?view=closed", "Closed tickets", "closed"),
    ("?view=open&priority=low", "Open tickets", "bob"),
    ("?priority=urgent", "Open tickets", "urgent"),
    ("?view=open&order=newest", "Open tickets", "bob mine waiting urgent old"),
    ("?view=open&assignee=none", "Open tickets", "old urgent waiting"),
    # The URLs of earlier releases.
    ("?status=open", "Open tickets", "old urgent waiting mine bob"),
    ("?order=newest", "Open tickets", "bob mine waiting urgent old"),
    ("?assignee=bob", "Open tickets", "bob"),
    ("?status=in_progress&assignee=anna.b&priority=normal", "In progress tickets", "started"),
    ("?status=closed&order=oldest", "Closed tickets", "closed"),
    ("?priority=&assignee=&order=oldest", "Open tickets", "old urgent waiting mine bob"),
]  # fmt: skip


@in_empty_table
def test_each_view_lists_its_tickets_in_order(anna: Desk, tickets: dict[str, str]) -> None:
    names = {ticket_id: name for name, ticket_id in tickets.items()}
    for query, title, expected in VIEWS:
        page = anna.get(f"/desk{query}").text
        assert [names[ticket_id] for ticket_id in shown(page)] == expected.split(), query
        assert f"<title>(1) {title} · Service desk</title>" in page
        assert f'<h1 id="title">{title}</h1>' in page
        assert counts(page) == ["1", "3", "3", "5", "1", "1", "1"]
        assert page.count('aria-current="page"') == 1


@in_empty_table
def test_page_title_counts_no_handover_after_it_was_taken(
    anna: Desk, tickets: dict[str, str], change: Change
) -> None:
    change(tickets["waiting"], assignee="anna.b")
    page = anna.get("/desk?view=waiting").text
    assert "<title>Waiting hand-overs · Service desk</title>" in page
    assert "Nobody waits." in page
    assert counts(page)[:2] == ["0", "4"]


@in_empty_table
def test_counts_above_100_have_a_plus_sign(anna: Desk, file_ticket: File) -> None:
    ticket = Ticket.get(file_ticket())
    with Ticket.batch_write() as batch:
        for number in range(101):
            batch.save(Ticket(**{**ticket.attribute_values, "ticket_id": f"t{number}"}))
    assert counts(anna.get("/desk").text) == ["0", "0", "100+", "100+", "0", "0", "0"]


@in_empty_table
def test_row_shows_handover_last_message_reopening_and_creator(
    anna: Desk, tickets: dict[str, str], change: Change, call: Change, caller: str, desk_app: Flask
) -> None:
    body = {"caller_id": caller, "issue_description": "Filed"}
    client = desk_app.test_client()
    for key in (ANNA, BOB):
        client.post("/tickets", json=body, headers={"x-api-key": key})
    call(tickets["resolved"])
    change(tickets["old"], BOB, comment="Wait")
    page = anna.get("/desk?view=open").text
    waiting, old = row(page, tickets["waiting"]), row(page, tickets["old"])
    assert '<span class="mark handover">Waiting: moments</span>' in waiting
    assert 'class="waits"' in waiting
    assert re.search(r'class="last">Caller <time[^>]*>moments ago</time>', waiting)
    assert 'class="mark unread" hidden data-at="' in waiting
    assert re.search(r'class="last"><bdi>bob</bdi> <time[^>]*>moments ago</time>', old)
    assert "mark" not in old
    assert page.count("filed by you") == 1
    assert page.count("filed by <bdi>bob</bdi>") == 1
    mine = row(anna.get("/desk?view=mine").text, tickets["resolved"])
    assert '<span class="mark reopened">Reopened</span>' in mine
    assert '<span class="status in_progress">In progress</span>' in mine


@in_empty_table
def test_lists_without_details_do_not_show_them(
    anna: Desk, tickets: dict[str, str], change: Change
) -> None:
    change(tickets["resolved"], comment="Done")
    for query in ("view=open&order=oldest", "status=open", "view=resolved", "view=closed"):
        page = anna.get(f"/desk?{query}").text
        assert "Last message" not in page
        assert 'class="mark' not in page
        assert "hint" in page


@in_empty_table
def test_sorts_by_creation_where_an_index_supports_it(anna: Desk, tickets: dict[str, str]) -> None:
    page = anna.get("/desk?view=open").text
    assert "aria-sort" not in page
    for direction in ("descending", "ascending", "descending"):
        (url,) = re.findall(r'class="age"[^>]*><a href="([^"]*)">Created', page)
        page = anna.get(unescape(url)).text
        assert f'aria-sort="{direction}"' in page
    assert 'aria-sort="descending"' in anna.get("/desk?view=closed").text
    assert not re.search(r"<a[^>]*>Created", anna.get("/desk?view=mine").text)


@in_empty_table
def test_pages_of_a_view_continue_with_the_same_filters(anna: Desk, file_ticket: File) -> None:
    ids = [file_ticket(f"Ticket {number}") for number in range(27)]
    page = anna.get("/desk?view=unassigned&priority=normal").text
    assert shown(page) == ids[:25]
    (url,) = re.findall(r'rel="next" href="([^"]*)"', page)
    page = anna.get(unescape(url)).text
    assert shown(page) == ids[25:]
    (first,) = re.findall(r'href="([^"]*)">First page', page)
    assert unescape(first) == "/desk?view=unassigned&priority=normal"
    cursor = unescape(url).partition("cursor=")[2]
    ended = anna.get("/desk?view=unassigned&priority=normal&cursor=" + cursor)
    assert ended.status_code == 200


@in_empty_table
def test_last_page_can_be_empty_after_its_tickets_left(
    anna: Desk, file_ticket: File, change: Change
) -> None:
    ids = [file_ticket(f"Ticket {number}") for number in range(26)]
    (url,) = re.findall(r'rel="next" href="([^"]*)"', anna.get("/desk?view=open").text)
    change(ids[-1], status="closed")
    assert "End of the list." in anna.get(unescape(url)).text


@in_empty_table
def test_empty_view_says_so(anna: Desk) -> None:
    for view, message in [
        ("waiting", "Nobody waits."),
        ("mine", "You have no tickets."),
        ("unassigned", "Every ticket has an assignee."),
        ("open", "No open tickets."),
        ("closed", "No tickets."),
        ("open&priority=low", "No ticket matches."),
    ]:
        assert message in anna.get(f"/desk?view={view}").text


@in_empty_table
def test_empty_first_page_of_a_long_list_leads_on(
    anna: Desk, file_ticket: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("itsm_app.tickets.lists.MAX_TICKETS_READ_WITHOUT_MATCH", 1)
    for _ in range(3):
        file_ticket()
    assert "No match so far." in anna.get("/desk?status=open&priority=low").text


@in_empty_table
def test_links_of_a_view_lead_back_to_the_view(anna: Desk, tickets: dict[str, str]) -> None:
    links = re.findall(r'/desk/tickets/[\w-]{36}(\?[^"]*)?"', anna.get("/desk?view=mine").text)
    assert links == ["?from=mine"] * 3
    assert "?from=" not in anna.get("/desk?status=open").text
    path = f"/desk/tickets/{tickets['mine']}"
    for origin, href, text in [
        ("?from=mine", "view=mine", "My tickets"),
        ("?from=waiting", "view=waiting", "Waiting tickets"),
        ("?from=link", "status=open", "Open tickets"),
        ('?from="><b>', "status=open", "Open tickets"),
        ("", "status=open", "Open tickets"),
    ]:
        assert f'<a href="/desk?{href}" id="up">{text}</a>' in anna.get(path + origin).text


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("view=lost", "The desk has no such view"),
        ("view=open&status=open", "The status must be left out"),
        ("view=mine&order=newest", "This view has an order of its own"),
        ("view=waiting&assignee=bob", "The assignee must be left out"),
        ("view=open&priority=x", "The priority must be low, normal, high or urgent"),
        ("view=open&order=x", "This view has an order of its own"),
        ("view=open&assignee=" + "x" * 101, "The assignee must be a text of 1 to 100"),
        ("view=open&cursor=x", "leads to a page of another list"),
        ("view=open&cursor=" + "x" * 5000, "leads to a page of another list"),
    ],
)
def test_rejects_invalid_list_queries(anna: Desk, query: str, message: str) -> None:
    for path in ("/desk", "/desk/export.csv"):
        if "cursor" in query and path != "/desk":
            continue
        response = anna.get(f"{path}?{query}")
        assert (response.status_code, response.content_type) == (400, HTML)
        assert message in response.text
        assert "Go to the queue" in response.text


@in_empty_table
def test_rejects_the_cursor_of_another_list(anna: Desk, file_ticket: File) -> None:
    for _ in range(26):
        file_ticket()
    (url,) = re.findall(r'rel="next" href="([^"]*)"', anna.get("/desk?view=open").text)
    cursor = unescape(url).partition("cursor=")[2]
    for other in ("unassigned", "mine", "open&priority=normal", "open&order=newest"):
        assert anna.get(f"/desk?view={other}&cursor={cursor}").status_code == 400


@pytest.mark.parametrize("path", ["/desk", "/desk/bulk", "/desk/export.csv", "/desk/news"])
def test_lists_need_a_session_and_no_bound_caller(anna: Desk, desk_app: Flask, path: str) -> None:
    assert Desk(desk_app).get(path).status_code == 303
    assert anna.get(path, **{"X-Caller-Id": "%2B1555"}).status_code == 403


@pytest.mark.exhaustive
@in_empty_table
def test_full_page_of_the_longest_texts_and_all_marks_is_under_60_kb(
    anna: Desk, file_ticket: File, call: Change, caller: str
) -> None:
    caller = (caller + '"' * 100)[:100]
    for _ in range(25):
        ticket = file_ticket('"' * 1000, caller)
        call(ticket, handover={})
        stored = Ticket.get(ticket)
        stored.assignee = stored.created_by = '"' * 100
        stored.reopened_at = stored.created_at
        stored.save()
    for view in ("waiting", "open"):
        page = anna.get(f"/desk?view={view}")
        assert len(shown(page.text)) == 25
        assert len(page.data) < 60_000


def test_queue_page_is_one_query_for_the_list_and_one_for_each_count(
    anna: Desk, faults: FaultyDynamoDB
) -> None:
    faults.operations.clear()
    anna.get("/desk")
    assert faults.operations == ["Query"] * 8


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 303),
        ("text/html", 303),
        ("*/*", 404),
        ("", 404),
        ("application/json", 404),
        ("text/html;q=0, */*", 404),
        ("text/*", 404),
    ],
)
def test_root_path_leads_browsers_to_the_desk(desk_app: Flask, accept: str, status: int) -> None:
    headers = {"Accept": accept} if accept else {}
    response = desk_app.test_client().get("/", headers=headers)
    assert response.status_code == status
    if status == 303:
        assert response.location == "/desk"
        assert response.headers["Vary"] == "Accept"
    else:
        assert response.json["code"] == "no_such_operation"
    path = {"PATH_INFO": "//evil.example"}
    other = desk_app.test_client().get("/", headers=headers, environ_overrides=path)
    assert other.status_code == 404
    posted = desk_app.test_client().post("/", headers=headers)
    assert (posted.status_code, posted.json["code"]) == (404, "no_such_operation")
