"""Tests of the search over HTTP: `GET /tickets?q=`."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from itsm_app import config
from itsm_app.search import query
from itsm_app.storage.models import Ticket
from itsm_app.tickets import cursors

from ..conftest import ON_MOTO, Log
from ..support.desk import AGENT, ANNA
from ..support.faulty_dynamodb import FaultyDynamoDB, at, refuse
from ..tickets.test_erasure import erase_caller
from ..tickets.test_retention import set_expiry

pytestmark = ON_MOTO

Index = Callable[[str], None]

CALLER = "+442079460018"
DESCRIPTION = "The Café's VPN drops.\nNo printer, either"
# A ticket with a text in each place. `{number}` in a query stands for its number.
FIELDS = {"caller_id": CALLER, "issue_description": DESCRIPTION}
# With a key, the ticket has the same number in each run.
TICKET = {**FIELDS, "idempotency_key": "1"}
KEYS = count(2)
COMMENT = "Straße 12, \uff57\uff49\uff46\uff49 down. 電源が入らない"
NOTE = "The caller is Ms. Łukasiewicz"
HANDOVER = {"reason": "asks for a person", "summary": "Router was restarted twice"}


def search(client: FlaskClient, text: str, key: str = "", **more: Any) -> Any:
    headers = {"x-api-key": key} if key else {}
    return client.get("/tickets", query_string={"q": text, **more}, headers=headers)


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.json
    return [each["ticket_id"] for each in response.json["tickets"]]


def create(client: FlaskClient, index: Index, text: str, caller: str = "+15550100") -> str:
    key = str(next(KEYS))
    body = {"caller_id": caller, "issue_description": text, "idempotency_key": key}
    ticket = str(client.post("/tickets", json=body).json["ticket_id"])
    index(ticket)
    return ticket


@pytest.fixture
def full_ticket(client: FlaskClient, index: Index) -> str:
    """Create and index a ticket with a text in each place, and another ticket."""
    create(client, index, "Nothing that the other ticket has", "somebody")
    path = f"/tickets/{client.post('/tickets', json=TICKET).json['ticket_id']}"
    client.post(f"{path}/comments", json={"comment": COMMENT, "handover": HANDOVER})
    client.patch(path, json={"comment": NOTE, "visibility": "internal"})
    ticket = path.rpartition("/")[2]
    index(ticket)
    return ticket


# Where each text is found in the ticket. None: the ticket is not found.
PLACES: dict[str, list[str] | None] = {
    # Numbers, complete and their last digits.
    "{number}": ["number"],
    "{last four}": ["number"],
    CALLER: ["caller"],
    "020 7946 0018": ["caller"],
    "0018": ["caller"],
    # Words of each text.
    "vpn": ["description"],
    "restarted": ["handover"],
    "person": ["handover"],
    "down": ["comment"],
    "Ms.": ["note"],
    # All words are needed, also in different texts.
    "VPN printer": ["description"],
    "printer router wifi": ["description", "comment", "handover"],
    "vpn 0018": ["caller", "description"],
    "vpn telephone": None,
    # Whole words only, and at least four digits.
    "print": None,
    "018": None,
    # Case, accents, width and scripts without spaces.
    "CAFE": ["description"],
    "strasse": ["comment"],
    "WIFI": ["comment"],
    "\uff56\uff50\uff4e": ["description"],
    "lukasiewicz": ["note"],
    "電源": ["comment"],
    "源が入": ["comment"],
    "電入": None,
    "null": None,
}


def test_finds_a_ticket_by_what_people_know_of_it(client: FlaskClient, full_ticket: str) -> None:
    number = Ticket.get(full_ticket).ticket_number
    values = {"number": number, "last four": number[-4:]}
    found = {}
    for text in PLACES:
        response = search(client, text.format_map(values))
        assert ids(response) in ([], [full_ticket]), text
        assert "note" not in response.json
        places = [
            each["found_in"] for ticket in response.json["tickets"] for each in ticket["matches"]
        ]
        found[text] = places or None
    assert found == PLACES


def test_result_has_the_fields_of_the_queue_and_its_matches(
    client: FlaskClient, full_ticket: str
) -> None:
    response = search(client, "café printer")
    (found,) = response.json["tickets"]
    shown = client.get(f"/tickets/{full_ticket}").json
    assert response.json == {"tickets": [found]}
    (match,) = found.pop("matches")
    assert match == {
        "found_in": "description",
        "text": "The Café's VPN drops. No printer, either",
        "highlights": [{"start": 4, "end": 8}, {"start": 25, "end": 32}],
    }
    assert found == {
        "ticket_id": full_ticket,
        "ticket_number": shown["ticket_number"],
        **FIELDS,
        "status": "open",
        "priority": "normal",
        "created_at": shown["created_at"],
        "updated_at": shown["updated_at"],
        "handover_since": shown["handover"]["requested_at"],
        "last_comment_at": shown["comments"][0]["added_at"],
    }


def test_pages_have_the_newest_tickets_first(client: FlaskClient, index: Index) -> None:
    tickets = [create(client, index, f"Lift {number}") for number in range(5)][::-1]
    pages: list[list[str]] = []
    cursor = None
    while len(pages) < 5:
        response = search(client, "lift", limit=2, **({"cursor": cursor} if cursor else {}))
        pages.append(ids(response))
        cursor = response.json.get("next_cursor")
        if not cursor:
            break
        # A new ticket does not change the pages after the first one.
        create(client, index, "Lift again")
    assert pages == [tickets[:2], tickets[2:4], tickets[4:]]
    assert len(ids(search(client, "lift"))) == 7


def test_page_without_results_says_that_older_tickets_follow(
    client: FlaskClient, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = create(client, index, "The red lift")
    for _ in range(3):
        # Their postings have all words that are looked up, but the tickets do not have them now.
        newer = create(client, index, "The red lift")
        Ticket(newer).update(actions=[Ticket.issue_description.set("x")])
    monkeypatch.setattr(query, "MAX_READS", 1)
    first = search(client, "red lift", limit=1)
    assert ids(first) == []
    assert "older tickets were not searched yet" in first.json["note"]
    second = search(client, "red lift", limit=1, cursor=first.json["next_cursor"])
    assert ids(second) == [ticket]
    assert "note" not in second.json


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"q": ""}, "q"),
        ({"q": " \u200b"}, "q"),
        ({"q": "?!"}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"q": "x", "limit": "101"}, "limit"),
        ({"q": "x", "cursor": "x"}, "cursor"),
        ({"q": "x", "caller": "a"}, "caller"),
        ({"q": "x", "caller": ""}, "caller"),
        ({"q": "x", "status": "open"}, "status"),
        ({"q": "x", "priority": "low"}, "priority"),
        ({"q": "x", "assignee": "anna"}, "assignee"),
        ({"q": "x", "handover": "waiting"}, "handover"),
        ({"q": "x", "order": "oldest"}, "order"),
        ({"q": ["x", "y"]}, "q"),
    ],
)
def test_rejects_an_invalid_search(
    client: FlaskClient, index: Index, parameters: dict[str, Any], field: str
) -> None:
    response = client.get("/tickets", query_string=parameters)
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert response.json["error"].startswith(f"`{field}` ")


@pytest.mark.parametrize("text", ["lift", "x" * 200, "null"])
def test_accepts_every_text_with_a_word(client: FlaskClient, index: Index, text: str) -> None:
    ticket = create(client, index, text)
    assert ids(search(client, text)) == [ticket]


def test_cursor_of_another_search_is_rejected(client: FlaskClient, index: Index) -> None:
    for _ in range(2):
        create(client, index, "Lift door")
    cursor = search(client, "lift", limit=1).json["next_cursor"]
    assert search(client, "LIFT", limit=1, cursor=cursor).status_code == 200
    for text, other in (
        ("door", cursor),
        ("lift door", cursor),
        ("lift", cursor[:-4]),
        ("lift", cursors.encode("", "search", "lift")),
        ("lift", cursors.encode("x" * 1025, "search", "lift")),
    ):
        response = search(client, text, cursor=other)
        assert (response.status_code, response.json["code"]) == (400, "invalid_field")
        assert response.json["error"].startswith("`cursor` ")


@pytest.mark.parametrize("gone", ["expired", "erased", "deleted", "changed", "replaced"])
def test_outdated_posting_never_shows_a_ticket(
    client: FlaskClient, index: Index, gone: str
) -> None:
    """The stream handler follows the tickets by a moment, and expiry by up to 48 hours."""
    caller = "+15550177"
    ticket = create(client, index, "The red lift", caller)
    assert ids(search(client, "lift")) == [ticket]
    if gone == "expired":
        set_expiry(ticket, 0)
    elif gone == "erased":
        assert erase_caller(caller, "--yes").exit_code == 0
    elif gone == "deleted":
        Ticket(ticket).delete()
    elif gone == "changed":
        Ticket(ticket).update(actions=[Ticket.issue_description.set("The stairs")])
    else:
        now = "2026-02-09T12:20:25.343883Z"
        Ticket(ticket).update(actions=[Ticket.created_at.set(now)])
    for text in ("lift", "red lift"):
        response = search(client, text)
        assert response.json == {"tickets": []}


def test_postings_follow_the_ticket(client: FlaskClient, index: Index) -> None:
    ticket = create(client, index, "The lift")
    client.post(f"/tickets/{ticket}/comments", json={"comment": "The stairs, too"})
    assert ids(search(client, "stairs")) == []
    index(ticket)
    assert ids(search(client, "stairs lift")) == [ticket]
    Ticket(ticket).update(actions=[Ticket.issue_description.set("x")])
    index(ticket)
    assert ids(search(client, "lift")) == []
    assert ids(search(client, "stairs")) == [ticket]


@pytest.mark.parametrize(("key", "bound"), [(AGENT, ""), (AGENT, CALLER), (ANNA, CALLER)], ids=str)
def test_agents_and_bound_requests_cannot_search(
    engine: str, app_with_keys: Flask, full_ticket: str, key: str, bound: str
) -> None:
    """The parameter has no effect, as other parameters of the desk."""
    client = app_with_keys.test_client()
    headers = {"x-api-key": key, **({"X-Caller-Id": bound} if bound else {})}

    def body(**query: str) -> Any:
        response = client.get("/tickets", query_string=query, headers=headers)
        assert response.status_code == (200 if bound or "caller" in query else 400)
        assert not {"Ms.", "Router"} & {*re.findall(r"[\w.]+", response.text)}
        return {**response.json, "request_id": ""}

    for text in ("vpn", "Ms.", "restarted", ""):
        assert body(q=text) == body()
        assert body(q=text, caller=CALLER) == body(caller=CALLER)


def test_search_is_off_without_a_search_index(client: FlaskClient, caller: str) -> None:
    response = search(client, "lift")
    assert (response.status_code, response.json["code"]) == (404, "search_off")
    assert "SEARCH_TABLE" in response.json["error"]
    assert not config.uses_search()


def test_log_line_names_the_search_and_not_its_text(
    client: FlaskClient, index: Index, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "STAGE", "poc")
    create(client, index, "Wolkenkuckucksheim")
    log.lines("request")
    search(client, "wolkenkuckucksheim")
    search(client, "wolkenkuckucksheim", cursor="x")
    client.get("/tickets?status=open")
    lines = log.lines("request")[-3:]
    names = ["search_tickets", "search_tickets", "list_recent_tickets"]
    assert [line["operation"] for line in lines] == names
    assert [line["Operation"] for line in lines] == names
    assert "olkenkuckucksheim" not in log.text


def test_search_retries_a_throttled_request_and_reports_other_errors(
    client: FlaskClient, index: Index, faults: FaultyDynamoDB
) -> None:
    ticket = create(client, index, "The lift")
    faults.faults.append(at("Query", refuse("ThrottlingException")))
    assert ids(search(client, "lift")) == [ticket]
    for operation in ("Query", "BatchGetItem"):
        faults.faults.append(at(operation, refuse("AccessDeniedException")))
        response = search(client, "lift")
        assert (response.status_code, response.json["code"]) == (500, "storage_unavailable")


def test_search_for_a_rare_word_sends_five_requests(
    client: FlaskClient, index: Index, faults: FaultyDynamoDB
) -> None:
    ticket = create(client, index, "The lift")
    faults.operations.clear()
    assert ids(search(client, "lift")) == [ticket]
    assert faults.operations == ["Query"] * 4 + ["BatchGetItem"]
