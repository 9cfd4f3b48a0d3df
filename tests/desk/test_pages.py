"""Tests of the pages at /desk over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask

from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO, Log
from ..support.desk import AGENT, ANNA, HTML, Desk, form
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, refuse
from ..tickets.test_erasure import erase_caller
from ..tickets.test_stats import file

pytestmark = ON_MOTO


@pytest.fixture
def ticket(file_ticket: Callable[..., str]) -> str:
    return file_ticket()


def test_every_link_starts_with_the_stage(desk_app: Flask, ticket: str) -> None:
    client = desk_app.test_client()
    base = "https://abc.execute-api.us-east-1.amazonaws.com/poc"
    origin = base.removesuffix("/poc")
    signed_in = client.post(
        "/desk/sign-in", base_url=base, data={"key": ANNA}, headers={"Origin": origin}
    )
    assert signed_in.location == "/poc/desk"
    paths = ("", "/new", "/stats", "/find?q=1", f"/tickets/{ticket}", "/find?q=%2B1", "/none")
    for path in paths:
        page = client.get(f"/desk{path}", base_url=base).text
        links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page)
        assert len(links) > 3
        assert [link for link in links if not link.startswith("/poc/desk")] == []


def test_every_page_has_strict_security_headers(empty_table: None, anna: Desk, ticket: str) -> None:
    # In a shared table, the queue can show hostile text of other tests, which matches the patterns.
    paths = ("", "/", "/new", "/find", "/stats", f"/tickets/{ticket}", "/tickets/none", "/none")
    for path in paths:
        response = anna.get(f"/desk{path}")
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "same-origin"
        assert response.content_type == HTML
        assert not re.search(r'<script(?! src="/desk/static/)|<style|style=| on\w+=', response.text)
        assert not re.search(r'(?:src|href|action)="(?:\w+:)?//', response.text)


def test_static_files_are_immutable_and_versioned(anna: Desk) -> None:
    page = anna.get("/desk").text
    for url in re.findall(r'"(/desk/static/[^"]*)"', page):
        response = Desk(anna.client.application).get(unescape(url))
        assert response.status_code == 200
        assert "immutable" in response.headers["Cache-Control"]
        assert "v=" in url
    for name in ("none", "..%2Fviews.py", "desk.py"):
        assert anna.get(f"/desk/static/{name}").status_code == 404


def test_queue_shows_a_page_of_25_tickets(anna: Desk, file_ticket: Callable[..., str]) -> None:
    ids = [file_ticket(f"Ticket {n}") for n in range(27)]
    page = anna.get("/desk?order=newest")
    shown = re.findall(r"/desk/tickets/([\w-]{36})", page.text)
    assert shown == ids[::-1][:25]
    (next_url,) = re.findall(r'rel="next" href="([^"]*)"', page.text)
    page = anna.get(unescape(next_url))
    assert re.findall(r"/desk/tickets/([\w-]{36})", page.text)[:2] == ids[1::-1]
    assert "First page" in page.text


def test_queue_filters_by_assignee_and_priority(
    anna: Desk, ticket: str, file_ticket: Callable[..., str], bob: Desk
) -> None:
    other = file_ticket()
    bob.post(f"/desk/tickets/{other}", bob.form(f"/desk/tickets/{other}", "Assign to me"))
    form = {**bob.form(f"/desk/tickets/{other}", "Save changes"), "priority": "urgent"}
    bob.post(f"/desk/tickets/{other}", form)
    for query, expected in [
        ("assignee=bob&order=newest", [other]),
        ("assignee=bob&priority=urgent&order=newest", [other]),
        ("assignee=bob&priority=low&order=newest", []),
        ("assignee=&priority=&order=newest", [other, ticket]),
        ("assignee=nobody-here", []),
    ]:
        page = anna.get(f"/desk?{query}").text
        found = re.findall(r"/desk/tickets/([\w-]{36})", page)
        assert found[: len(expected) or None][:2] == expected
    assert '<option value="nobody-here" selected>' in page
    assert "No ticket matches" in page or "No match so far" in page


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("status=lost", "must be open, in_progress, resolved or closed"),
        ("cursor=x", "The link leads to a page of another list"),
        ("priority=x", "must be low, normal, high or urgent"),
    ],
)
def test_rejects_invalid_queue_filters(anna: Desk, query: str, message: str) -> None:
    response = anna.get(f"/desk?{query}")
    assert response.status_code == 400
    assert message in response.text
    assert "Go to the queue" in response.text


def test_desk_user_works_on_a_ticket_from_open_to_closed(
    anna: Desk, ticket: str, stored: Callable[[str], Any]
) -> None:
    path = f"/desk/tickets/{ticket}"

    def press(button: str, **fields: str) -> str:
        response = anna.post(path, {**anna.form(path, button), **fields})
        assert response.status_code == 303
        return anna.get(response.location).text

    assert "The ticket is now assigned to you." in press("Assign to me")
    assert "The status is now in progress." in press("Save changes", status="in_progress")
    assert "The priority is now urgent." in press("Save changes", priority="urgent")
    assert "Your answer was added." in press("Send answer", comment="Pull\r\nthe plug")
    page = press("Send and resolve", comment="New printer")
    assert "Your answer was added. The status is now resolved." in page
    assert "The ticket is now unassigned." in press("Save changes", assignee="")
    assert "The status is now in progress." in press("Save changes", status="in_progress")
    confirmation = anna.post(path, {**anna.form(path, "Save changes"), "status": "closed"})
    assert confirmation.status_code == 200
    assert "This is final" in confirmation.text
    assert stored(ticket)["status"] == "in_progress"
    closed = anna.post(path, form(confirmation.text, "Close ticket"))
    page = anna.get(closed.location).text
    assert "The status is now closed." in page
    assert "<textarea" not in page
    assert "Create a follow-up ticket" in page
    final = stored(ticket)
    assert (final["status"], final["priority"]) == ("closed", "urgent")
    comments = [(comment["author"], comment["comment_text"]) for comment in final["comments"]]
    assert comments == [("anna.b", "Pull\nthe plug"), ("anna.b", "New printer")]
    assert {event["changed_by"] for event in final["history"]} == {"anna.b"}
    assert "took the ticket" in page
    assert "removed the assignee" in page
    assert "changed the priority from Normal to <b>Urgent</b>" in page


def test_offers_only_valid_status_transitions(anna: Desk, ticket: str) -> None:
    path = f"/desk/tickets/{ticket}"
    anna.post(path, {**anna.form(path, "Save changes"), "status": "resolved"})
    page = anna.get(path).text
    (statuses,) = re.findall(r'<select name="status">.*?</select>', page, re.DOTALL)
    assert re.findall(r'value="(\w*)"', statuses) == ["", "in_progress", "closed"]
    assert "Send and resolve" not in page


def test_form_sent_twice_takes_effect_once(
    anna: Desk, ticket: str, stored: Callable[[str], Any], caller: str
) -> None:
    path = f"/desk/tickets/{ticket}"
    answer = {**anna.form(path, "Send answer"), "comment": "Once"}
    assert [anna.post(path, answer).status_code for _ in range(2)] == [303, 303]
    assignment = {**anna.form(path, "Save changes"), "assignee": "bob"}
    assert [anna.post(path, assignment).status_code for _ in range(2)] == [303, 303]
    assert len(stored(ticket)["comments"]) == 1
    assert [event["field"] for event in stored(ticket)["history"]] == [
        "status",
        "assignee",
        "assignee",
    ]
    new = {**anna.form("/desk/new", "Create ticket"), "caller_id": caller}
    new["issue_description"] = "Once"
    first, second = (anna.post("/desk/new", new) for _ in range(2))
    assert first.location == second.location


def test_outdated_form_keeps_its_text_and_shows_the_change(
    anna: Desk, bob: Desk, ticket: str, stored: Callable[[str], Any]
) -> None:
    path = f"/desk/tickets/{ticket}"
    answer = {**anna.form(path, "Send answer"), "comment": "</textarea><b>Mine"}
    bob.post(path, bob.form(path, "Assign to me"))
    response = anna.post(path, answer)
    assert response.status_code == 412
    assert 'role="alert"' in response.text
    assert "This ticket has changed since" in response.text
    assert "&lt;/textarea&gt;&lt;b&gt;Mine</textarea>" in response.text
    assert "<bdi>bob</bdi>" in response.text
    assert stored(ticket)["comments"] == []
    updated = form(response.text, "Send answer")
    assert anna.post(path, updated).status_code == 303
    assert stored(ticket)["comments"][0]["comment_text"] == "</textarea><b>Mine"


def caller_comments(desk: Desk, ticket: str, text: str) -> None:
    response = desk.client.application.test_client().post(
        f"/tickets/{ticket}/comments", json={"comment": text}, headers={"x-api-key": AGENT}
    )
    assert response.status_code == 200


@pytest.mark.parametrize("status", ["open", "resolved"])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("is_old", [False, True])
def test_answer_is_sent_although_the_caller_has_commented(
    anna: Desk,
    ticket: str,
    stored: Callable[[str], Any],
    status: str,
    count: int,
    is_old: bool,
) -> None:
    path = f"/desk/tickets/{ticket}"
    if status == "resolved":
        anna.post(path, anna.form(path, "Resolve"))
    if is_old:
        # Tickets of early releases have no revision.
        Ticket(ticket).update(actions=[Ticket.revision.remove()])
    answer = {**anna.form(path, "Send answer"), "comment": "My answer"}
    texts = [f"Comment {n}" for n in range(count)]
    for text in texts:
        caller_comments(anna, ticket, text)
    response = anna.post(path, answer)
    assert response.status_code == 303
    page = anna.get(response.location).text
    assert "Your answer was added." in page
    assert [text for text in [*texts, "My answer"] if text not in page] == []
    found = stored(ticket)
    assert [each["comment_text"] for each in found["comments"]] == [*texts, "My answer"]
    assert found["status"] == "in_progress"


def test_answer_is_sent_although_the_caller_comments_during_the_write(
    anna: Desk, bob: Desk, ticket: str, faults: FaultyDynamoDB, stored: Callable[[str], Any]
) -> None:
    path = f"/desk/tickets/{ticket}"
    answer = {**anna.form(path, "Send answer"), "comment": "My answer"}

    def comment_first(engine: FaultyDynamoDB) -> Any:
        caller_comments(anna, ticket, "In between")
        return apply(engine)

    # The read of the ticket. The comment is then stored before the write of the answer.
    faults.faults.extend([apply, comment_first])
    assert anna.post(path, answer).status_code == 303
    texts = {each["comment_text"] for each in stored(ticket)["comments"]}
    assert texts == {"In between", "My answer"}
    # The answer is older than the comment, but is written later. The next form must not count the
    # comment as new, and must not overwrite a change that Bob makes now.
    second = {**anna.form(path, "Send answer"), "comment": "My second answer"}
    bob.post(path, {**bob.form(path, "Send answer"), "priority": "high"})
    assert anna.post(path, second).status_code == 412


@pytest.mark.parametrize("button", ["Assign to me", "Send answer"])
def test_assignee_and_priority_change_although_the_caller_has_commented(
    anna: Desk, ticket: str, stored: Callable[[str], Any], button: str
) -> None:
    path = f"/desk/tickets/{ticket}"
    change = {**anna.form(path, button), "priority": "high"}
    caller_comments(anna, ticket, "Hello?")
    assert anna.post(path, change).status_code == 303
    assert stored(ticket)["priority"] == "high"


@pytest.mark.parametrize("order", ["caller first", "bob first"])
@pytest.mark.parametrize("fields", [{"comment": "Bob's"}, {"priority": "high"}])
def test_change_of_another_person_rejects_an_answer_also_if_the_caller_has_commented(
    anna: Desk,
    bob: Desk,
    ticket: str,
    stored: Callable[[str], Any],
    order: str,
    fields: dict[str, str],
) -> None:
    path = f"/desk/tickets/{ticket}"
    answer = {**anna.form(path, "Send answer"), "comment": "My answer"}
    if order == "caller first":
        caller_comments(anna, ticket, "Hello?")
    assert bob.post(path, {**bob.form(path, "Send answer"), **fields}).status_code == 303
    if order == "bob first":
        caller_comments(anna, ticket, "Hello?")
    before = stored(ticket)
    response = anna.post(path, answer)
    assert response.status_code == 412
    assert "Hello?" in response.text
    assert "My answer</textarea>" in response.text
    assert stored(ticket) == before


def test_answer_that_resolves_is_rejected_if_the_caller_has_commented(
    anna: Desk, ticket: str, stored: Callable[[str], Any]
) -> None:
    path = f"/desk/tickets/{ticket}"
    answer = {**anna.form(path, "Send and resolve"), "comment": "It is out"}
    caller_comments(anna, ticket, "It burns again")
    response = anna.post(path, answer)
    assert response.status_code == 412
    assert "It burns again" in response.text
    assert "It is out</textarea>" in response.text
    assert (stored(ticket)["status"], len(stored(ticket)["comments"])) == ("open", 1)


def test_rejects_forms_without_a_ticket_version(
    anna: Desk, ticket: str, stored: Callable[[str], Any]
) -> None:
    for version in ({}, {"version": ""}, {"version": "*"}, {"version": "1 x"}, {"version": " 9"}):
        response = anna.post(f"/desk/tickets/{ticket}", {"priority": "low", **version})
        assert response.status_code == 412
    assert stored(ticket)["priority"] == "normal"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"comment": ""}, "Write an answer first, or change the status"),
        ({"comment": " \n"}, "Write an answer first, or change the status"),
        ({"comment": "\u200b\u2060 \ufeff"}, "Write an answer first, or change the status"),
        ({"comment": "\u2800", "visibility": "internal"}, "Write an answer first, or change the"),
        ({"comment": "x" * 10_001}, "The text has 10,001 characters. The limit is 10,000"),
        ({"assignee": "x" * 101}, "The name of the assignee has 101 characters"),
        ({"status": "lost"}, "The status must be open, in_progress"),
        ({"comment": "x", "visibility": "secret"}, "The choice between answer and note must be"),
        ({"priority": "none"}, "The priority must be low"),
        ({"status": "open", "comment": ""}, ""),
    ],
)
def test_invalid_form_shows_the_error_and_keeps_the_text(
    anna: Desk, ticket: str, fields: dict[str, str], message: str
) -> None:
    path = f"/desk/tickets/{ticket}"
    response = anna.post(path, {**anna.form(path, "Send answer"), **fields})
    if not message:
        assert response.status_code == 303
        return
    assert response.status_code == 400
    assert message in unescape(response.text)
    assert f"{fields.get('comment', '')}</textarea>" in response.text


def test_answer_to_a_closed_ticket_is_shown_for_copying(anna: Desk, bob: Desk, ticket: str) -> None:
    path = f"/desk/tickets/{ticket}"
    answer = {**anna.form(path, "Send answer"), "comment": "Too late"}
    bob.post(path, {**bob.form(path, "Save changes"), "status": "closed", "sure": "1"})
    response = anna.post(path, answer)
    assert response.status_code == 412
    assert "Your text was not sent" in response.text
    assert "readonly>Too late</textarea>" in response.text
    assert not re.search(r'<button name=|<textarea[^>]* name="comment"', bob.get(path).text)


def test_rejects_invalid_transitions(anna: Desk, ticket: str) -> None:
    path = f"/desk/tickets/{ticket}"
    anna.post(path, {**anna.form(path, "Save changes"), "status": "in_progress"})
    response = anna.post(path, {**anna.form(path, "Save changes"), "status": "open"})
    assert response.status_code == 409
    assert "Choose one of the statuses that the page offers" in response.text


def test_unknown_status_allows_the_transitions_of_open(
    anna: Desk, ticket: str, stored: Callable[[str], Any]
) -> None:
    Ticket(ticket).update(actions=[Ticket.status.set("waiting")])
    path = f"/desk/tickets/{ticket}"
    page = anna.get(path)
    assert (page.status_code, page.text.count("<option value")) == (200, 4 + 4 + 2)
    change = {**anna.form(path, "Save changes"), "status": "in_progress"}
    assert anna.post(path, change).status_code == 303
    assert stored(ticket)["status"] == "in_progress"


def test_erased_ticket_accepts_no_answer_but_can_be_closed(
    anna: Desk, ticket: str, caller: str, stored: Callable[[str], Any]
) -> None:
    path = f"/desk/tickets/{ticket}"
    answer = {**anna.form(path, "Send answer"), "comment": "Too late"}
    erase_caller(caller, "--yes")
    page = anna.get(path)
    assert "erase-caller</bdi>\nerased the caller's data" in page.text
    assert "removed the assignee" not in page.text
    assert "<textarea" not in page.text
    assert "follow-up" not in page.text
    (version,) = re.findall(r'data-version="([^"]+)"', page.text)
    rejected = anna.post(path, {**answer, "version": version})
    assert rejected.status_code == 409
    assert "The caller's data was erased from this ticket" in unescape(rejected.text)
    assert "readonly>Too late</textarea>" in rejected.text
    anna.post(path, {**anna.form(path, "Save changes"), "status": "closed", "sure": "1"})
    assert stored(ticket)["status"] == "closed"
    closed = anna.get(path).text
    assert "The caller's data was erased" in closed
    assert "follow-up" not in closed


def test_finds_tickets_by_number_id_and_caller(
    anna: Desk, ticket: str, stored: Callable[[str], Any], caller: str
) -> None:
    number = stored(ticket)["ticket_number"]
    for query in (number, number.replace("-", ""), f" {number.replace('-', ' ')} ", ticket):
        response = anna.client.get("/desk/find", query_string={"q": query})
        assert (response.status_code, response.location) == (303, f"/desk/tickets/{ticket}")
    page = anna.client.get("/desk/find", query_string={"q": f" {caller}"}).text
    assert re.findall(r"/desk/tickets/([\w-]{36})", page) == [ticket]
    assert f"Tickets of <bdi>{caller}</bdi>" in page


def test_find_without_results_shows_advice(anna: Desk) -> None:
    assert "Find a ticket" in anna.get("/desk/find").text
    misheard = anna.get("/desk/find?q=1234-5678-9012")
    assert misheard.status_code == 400
    assert "one of them is a check digit" in misheard.text
    nobody = anna.client.get("/desk/find", query_string={"q": "+0 <b>"})
    assert nobody.status_code == 200
    assert "Nothing found" in nobody.text
    assert "caller_id=%2B0+%3Cb%3E" in nobody.text
    assert anna.get(f"/desk/find?q={'x' * 101}").status_code == 400
    assert anna.get("/desk/tickets/1234-5678-9012").status_code == 400
    assert "no ticket with this number" in anna.get("/desk/tickets/none").text


def test_find_treats_an_invalid_ticket_number_as_a_caller(
    anna: Desk, file_ticket: Callable[..., str]
) -> None:
    ticket = file_ticket(caller="15550100123")
    page = anna.get("/desk/find?q=15550100123")
    assert page.status_code == 200
    assert f"/desk/tickets/{ticket}" in page.text
    assert "This is not a valid ticket number" not in page.text


def test_find_continues_on_a_second_page(
    anna: Desk, file_ticket: Callable[..., str], caller: str
) -> None:
    ids = [file_ticket(f"Ticket {n}") for n in range(26)]
    page = anna.client.get("/desk/find", query_string={"q": caller}).text
    (next_url,) = re.findall(r'rel="next" href="([^"]*)"', page)
    assert re.findall(r"/desk/tickets/([\w-]{36})", anna.get(unescape(next_url)).text) == ids[:1]


def test_creates_a_ticket_for_a_caller(
    anna: Desk, caller: str, stored: Callable[[str], Any]
) -> None:
    fields = {"caller_id": caller, "issue_description": "It\r\nburns"}
    created = anna.post("/desk/new", {**anna.form("/desk/new", "Create ticket"), **fields})
    page = re.sub("</?a[^>]*>", "", anna.get(created.location).text)
    ticket = stored(created.location.partition("?")[0].rpartition("/")[2])
    assert ticket["issue_description"] == "It\nburns"
    assert f"The ticket was created. Its number is {ticket['ticket_number']}." in page


def test_invalid_new_ticket_form_keeps_its_text(anna: Desk, caller: str) -> None:
    for fields, message in [
        ({"caller_id": caller, "issue_description": " "}, "Describe the problem first."),
        ({"caller_id": "", "issue_description": "b"}, "Enter the caller first."),
        (
            {"caller_id": caller, "issue_description": "b" * 1001},
            "The description has 1,001 characters",
        ),
    ]:
        response = anna.post("/desk/new", fields)
        assert response.status_code == 400
        assert message in response.text
        assert f"{fields['issue_description']}</textarea>" in response.text
        assert f'value="{fields["caller_id"]}"' in response.text


def test_reload_after_a_storage_failure_takes_effect_once(
    anna: Desk, ticket: str, faults: FaultyDynamoDB, stored: Callable[[str], Any]
) -> None:
    path = f"/desk/tickets/{ticket}"
    answer = {**anna.form(path, "Send answer"), "comment": "Once"}
    faults.faults.append(refuse("AccessDeniedException"))
    response = anna.post(path, answer)
    assert (response.status_code, response.content_type) == (500, HTML)
    assert "reload this page" in response.text
    assert response.headers["X-Request-Id"] in response.text
    assert "AccessDenied" not in response.text
    assert anna.post(path, answer).status_code == 303
    assert len(stored(ticket)["comments"]) == 1


def test_unknown_paths_return_html_below_desk_and_json_elsewhere(anna: Desk) -> None:
    for path in ("/desk/none", "/desk/new/x"):
        response = anna.get(path)
        assert (response.status_code, response.content_type) == (404, HTML)
        assert "This page does not exist" in response.text
    assert anna.get("/desks").content_type == "application/json"
    assert anna.client.delete("/desk").status_code == 404


def test_rejects_forms_over_the_size_limit(anna: Desk, ticket: str) -> None:
    path = f"/desk/tickets/{ticket}"
    response = anna.post(path, {**anna.form(path, "Send answer"), "comment": "x" * 70_000})
    assert response.status_code == 413
    assert "shorten it" in response.text


def test_logs_desk_requests_as_one_operation_without_personal_data(
    anna: Desk, log: Log, caller: str
) -> None:
    log.lines("request")
    anna.client.get("/desk/find", query_string={"q": caller})
    anna.get("/desk")
    anna.get("/desk/none")
    lines = log.lines("request")[-3:]
    assert [line["operation"] for line in lines] == ["desk", "desk", None]
    assert [line["route"] for line in lines] == ["/desk/find", "/desk", None]
    assert caller not in log.text
    assert ANNA not in log.text


def test_stats_page_shows_charts_the_backlog_and_daily_figures(
    anna: Desk, file_ticket: Callable[..., str], empty_table: None
) -> None:
    file_ticket()
    ticket = file_ticket()
    form = anna.form(f"/desk/tickets/{ticket}", "Send and resolve")
    anna.post(f"/desk/tickets/{ticket}", {**form, "comment": "It is out"})
    page = anna.get("/desk/stats").text
    rows = {
        unescape(name): re.findall(r'data-label="[^"]*">([^<]*)<', row)
        for name, row in re.findall(r'role="rowheader">([^<]*)<(.*?)</tr>', page, re.DOTALL)
    }
    times = ["0 h 00 min", "0 h 00 min"]
    today = datetime.now(UTC).date()
    assert rows[f"{today}"] == ["2", "1", *times]
    assert rows[f"{today - timedelta(1)}"] == ["0", "0", "none", "none"]
    assert rows["Normal"] == ["1", "0", "1", "2", "1", *times]
    assert rows["Urgent"] == ["0", "0", "0", "0", "0", "none", "none"]
    assert rows["Unassigned"][:3] == ["1", "0", "1"]
    assert page.count('role="img"') == page.count("<figure") == 4
    assert f"opened since {datetime.now(UTC).date() - timedelta(13 + 30)} count" in page
    assert "Too many" not in page


@pytest.mark.parametrize(
    ("days", "message"),
    [(0, "Too many tickets were opened today"), (3, "")],
)
def test_stats_page_tells_which_days_it_could_not_count(
    anna: Desk, empty_table: None, monkeypatch: pytest.MonkeyPatch, days: int, message: str
) -> None:
    monkeypatch.setattr("itsm_app.tickets.stats.MAX_QUERIES", 1)
    file(days)
    page = anna.get("/desk/stats").text
    assert message in page
    assert f"opened since {datetime.now(UTC).date() - timedelta(days - 1)} count" in page
    by_day = page.partition('id="by-day"')[2]
    assert by_day.count("<tr role") == (days + 1 if days else 0)
    assert "The backlog can be incomplete" in page


def test_stats_page_says_which_chart_has_no_data(anna: Desk, empty_table: None) -> None:
    page = anna.get("/desk/stats").text
    assert 'role="img"' not in page
    for sentence in (
        "No ticket is open or in progress.",
        "No ticket was opened or resolved in these days.",
        "No ticket was answered for the first time in these days.",
        "No ticket was resolved in these days.",
    ):
        assert sentence in page
    assert "incomplete" not in page


def test_stats_page_escapes_and_groups_assignees(
    anna: Desk, empty_table: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("itsm_app.tickets.stats.MAX_ASSIGNEES", 1)
    for name in ("<script>x</script>", "<script>x</script>", "zoe"):
        file(0, assignee=name)
    page = anna.get("/desk/stats").text
    assert "<bdi>&lt;script&gt;" in page
    assert "Other assignees" in page
    assert "zoe" not in page
