"""Tests of `flask erase-caller`, which removes a caller's personal data and keeps the tickets."""

from __future__ import annotations

import ast
import json
import re
import signal
import subprocess
import sys
from typing import Any

import pytest
from click.testing import Result
from flask.testing import FlaskClient

from itsm_app import config
from itsm_app.storage import sizes
from itsm_app.storage.models import Ticket
from itsm_app.tickets import erasure

from ..conftest import ON_MOTO, shared_app
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, apply_and_drop, refuse, reset
from ..support.flask_run import ROOT, environ
from .test_cursors import page, store_tickets
from .test_retention import set_expiry

# A word that occurs only in the caller's text.
SECRET = "Wolkenkuckucksheim"
NOW = "2026-02-09T12:20:25.343883Z"


def dynamodb() -> Any:
    return Ticket.connection().connection.client


def item_of(ticket: str) -> dict[str, Any]:
    return dict(
        dynamodb().get_item(TableName=Ticket.Meta.table_name, Key={"ticket_id": {"S": ticket}})[
            "Item"
        ]
    )


def erase_caller(*arguments: str) -> Result:
    return shared_app().test_cli_runner().invoke(args=["erase-caller", *arguments])


def create_ticket_with_history(client: FlaskClient, caller: str, n: int = 0) -> str:
    """Create a caller's n-th ticket and store personal data in every field that can hold it."""
    key = f"{caller}-{n}1"
    new = {"caller_id": caller, "issue_description": SECRET, "idempotency_key": key}
    ticket = str(client.post("/tickets", json=new).json["ticket_id"])
    path = f"/tickets/{ticket}"
    comment = {"comment": f"{SECRET} 1", "idempotency_key": f"{caller}-2"}
    assert client.post(f"{path}/comments", json=comment).status_code == 200
    for change in (
        {"assignee": caller, "priority": "high"},
        {"status": "resolved", "comment": f"{SECRET} 2", "idempotency_key": f"{caller}-3"},
    ):
        assert client.patch(path, json=change).status_code == 200
    comment = {"comment": f"{SECRET} 3", "idempotency_key": f"{caller}-4"}
    assert client.post(f"{path}/comments", json=comment).status_code == 200
    return ticket


def test_erases_personal_data_and_keeps_the_rest(client: FlaskClient, caller: str) -> None:
    ticket = create_ticket_with_history(client, caller)
    dynamodb().update_item(
        TableName=Ticket.Meta.table_name,
        Key={"ticket_id": {"S": ticket}},
        UpdateExpression="SET of_another_app = :caller",
        ExpressionAttributeValues={":caller": {"S": caller}},
    )
    before = client.get(f"/tickets/{ticket}?history=all")
    item_before = item_of(ticket)
    result = erase_caller(caller, "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{before.json['ticket_number']}\nTickets erased: 1. Run the c")
    item = item_of(ticket)
    text = json.dumps(item)
    comment_ids = item_before["comment_ids"]["SS"]
    for erased in (caller, SECRET, "idempotency_key", "of_another_app", *comment_ids):
        assert erased not in text
    after = client.get(f"/tickets/{ticket}?history=all")
    assert after.headers["ETag"] != before.headers["ETag"]
    personal = {"caller_id", "issue_description", "assignee", "comments", "history"}
    kept = before.json.keys() - personal
    assert {k: after.json[k] for k in kept} == {k: before.json[k] for k in kept}
    assert [comment["added_at"] for comment in after.json["comments"]] == [
        comment["added_at"] for comment in before.json["comments"]
    ]
    authors = [comment.get("author") for comment in after.json["comments"]]
    assert authors == [None, "local", None]
    *history, erasure = after.json["history"]
    assert history == [
        event | ({"to": "[erased]"} if event["field"] == "assignee" else {})
        for event in before.json["history"]
    ]
    assert (erasure["field"], erasure["changed_by"]) == ("caller_id", "erase-caller")
    for name in ("answered_at", "resolved_at"):
        assert item[name] == item_before[name]


def test_recalculates_the_byte_count_of_an_erased_ticket(client: FlaskClient, caller: str) -> None:
    ticket = create_ticket_with_history(client, caller)
    erase_caller(caller, "--yes")
    found = Ticket.get(ticket)
    counted, found.content_bytes = found.content_bytes, None
    assert counted == sizes.of_ticket(found)
    assert client.patch(f"/tickets/{ticket}", json={"priority": "low"}).status_code == 200
    assert Ticket.get(ticket).content_bytes == counted + 250 + len('"highlow"')


def test_index_contains_no_ticket_of_the_caller_after_erasure(
    client: FlaskClient, caller: str
) -> None:
    tickets = [
        create_ticket_with_history(client, caller),
        create_ticket_with_history(client, f"{caller}9"),
        *store_tickets(caller, 2),
    ]
    erase_caller(caller, "--yes")
    assert page(client, caller) == {"tickets": []}
    assert len(page(client, f"{caller}9")["tickets"]) == 1
    del tickets[1]
    callers = {item_of(ticket)["caller_id"]["S"] for ticket in tickets}
    assert len(callers) == len(tickets)
    assert erase_caller(caller, "--yes").stdout.startswith("Tickets erased: 0.")


@pytest.mark.exhaustive
def test_without_yes_it_lists_the_tickets_and_changes_nothing(
    client: FlaskClient, caller: str
) -> None:
    ticket = create_ticket_with_history(client, caller)
    old = store_tickets(caller, 1)
    before = [item_of(ticket), item_of(*old)]
    result = erase_caller(caller)
    assert (result.exit_code, result.stderr) == (0, "")
    *listed, last = result.stdout.splitlines()
    assert listed == [*old, before[0]["ticket_number"]["S"]]
    assert last == "Tickets to erase: 2. Nothing was changed. To erase permanently, add --yes."
    assert [item_of(ticket), item_of(*old)] == before


def test_erased_ticket_rejects_comments_and_replays_nothing(
    client: FlaskClient, caller: str
) -> None:
    ticket = create_ticket_with_history(client, caller)
    erase_caller(caller, "--yes")
    before = item_of(ticket)
    for method, path, body in (
        ("POST", "/comments", {"comment": f"{SECRET} 1", "idempotency_key": f"{caller}-2"}),
        ("POST", "/comments", {"comment": SECRET}),
        ("PATCH", "", {"comment": SECRET, "status": "closed"}),
        ("PATCH", "", {"comment": f"{SECRET} 2", "idempotency_key": f"{caller}-3"}),
    ):
        response = client.open(f"/tickets/{ticket}{path}", method=method, json=body)
        assert (response.status_code, response.json["code"]) == (409, "caller_erased")
    assert item_of(ticket) == before
    comment = {"comment": SECRET, "caller": caller}
    assert client.post(f"/tickets/{ticket}/comments", json=comment).status_code == 404
    assert client.patch(f"/tickets/{ticket}", json={"status": "closed"}).status_code == 200
    # The old key no longer replays: a create with the key stores a new ticket.
    new = {"caller_id": caller, "issue_description": "New", "idempotency_key": f"{caller}-01"}
    created = client.post("/tickets", json=new)
    assert (created.status_code, created.json["ticket_id"] != ticket) == (201, True)
    assert client.post("/tickets", json=new).data == created.data


def test_erases_an_old_ticket_without_a_number(client: FlaskClient, caller: str) -> None:
    old = Ticket(caller, caller_id=caller, issue_description="x", created_at=NOW, updated_at=NOW)
    old.comments = [{"comment_text": SECRET, "added_at": NOW}]
    old.ticket_id = f"old-{hash(caller)}"
    old.save()
    assert erase_caller(caller, "--yes").stdout.startswith(f"{old.ticket_id}\n")
    found = Ticket.get(old.ticket_id)
    assert (found.revision, found.created_at, found.updated_at) == (1, NOW, NOW)
    assert found.comments == [{"comment_text": "[erased]", "added_at": NOW}]
    assert client.get(f"/tickets/{old.ticket_id}").json["caller_id"] == f"erased-{old.ticket_id}"


def test_erases_an_expired_ticket_and_keeps_its_expiry(client: FlaskClient, caller: str) -> None:
    ticket = create_ticket_with_history(client, caller)
    set_expiry(ticket, 0)
    expires_at = item_of(ticket)["expires_at"]
    assert erase_caller(caller, "--yes").stdout.startswith(item_of(ticket)["ticket_number"]["S"])
    assert SECRET not in json.dumps(item_of(ticket))
    assert item_of(ticket)["expires_at"] == expires_at
    Ticket.get(ticket).delete()


@pytest.mark.storage
@pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True)
def test_erases_full_tickets_and_all_pages(client: FlaskClient, caller: str) -> None:
    full = [{"comment_text": f"{SECRET}{'x' * 900}", "added_at": NOW}] * 250
    tickets = store_tickets(caller, 6, comments=full) + store_tickets(caller, 250, at=10)
    result = erase_caller(caller, "--yes")
    assert "Tickets erased: 256." in result.stdout
    assert SECRET not in json.dumps([item_of(ticket) for ticket in tickets])


@ON_MOTO
def test_erases_a_comment_added_during_the_erasure(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    ticket = create_ticket_with_history(client, caller)

    def add_comment_first(engine: FaultyDynamoDB) -> Any:
        comment = {"comment": f"{SECRET} in between"}
        assert client.post(f"/tickets/{ticket}/comments", json=comment).status_code == 200
        return apply(engine)

    # The query and the read of the ticket. The comment is then stored before the command's write.
    faults.faults.extend([apply, apply, add_comment_first, apply])
    assert "Tickets erased: 1." in erase_caller(caller, "--yes").stdout
    assert SECRET not in json.dumps(item_of(ticket))
    assert len(item_of(ticket)["comments"]["L"]) == 4


@ON_MOTO
def test_does_not_count_a_ticket_that_a_concurrent_run_has_erased(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    ticket = create_ticket_with_history(client, caller)

    def erase_first(engine: FaultyDynamoDB) -> Any:
        assert "Tickets erased: 1." in erase_caller(caller, "--yes").stdout
        return apply(engine)

    faults.faults.extend([apply, erase_first])
    assert "Tickets erased: 0." in erase_caller(caller, "--yes").stdout
    assert item_of(ticket)["revision"] == {"N": "6"}


@ON_MOTO
@pytest.mark.parametrize("lost", [1, 2])
def test_erasure_with_a_lost_dynamodb_response_is_applied_once(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, lost: int
) -> None:
    ticket = create_ticket_with_history(client, caller)
    faults.faults.extend([apply, apply, *[apply_and_drop] * lost])
    assert "Tickets erased: 1." in erase_caller(caller, "--yes").stdout
    events = item_of(ticket)["history"]["L"]
    assert [event["M"]["field"]["S"] for event in events].count("caller_id") == 1


@ON_MOTO
def test_each_dynamodb_request_has_its_own_attempts(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    for n in range(2):
        create_ticket_with_history(client, caller, n)
    throttled = refuse("ThrottlingException")
    faults.faults.extend([*[throttled, throttled, apply] * 5])
    assert "Tickets erased: 2." in erase_caller(caller, "--yes").stdout


@ON_MOTO
def test_reports_progress_after_an_error_and_a_second_run_erases_the_rest(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    tickets = [create_ticket_with_history(client, caller, n) for n in range(3)]
    faults.faults.extend([apply, apply, apply, apply, refuse("AccessDeniedException")])
    result = erase_caller(caller, "--yes")
    assert result.exit_code == 1
    assert "Error: The command stopped: these AWS credentials do not have" in result.stderr
    assert "credentials. Tickets erased: 1. Run the command again." in result.stderr
    assert caller not in result.output
    faults.faults.append(refuse("AccessDeniedException"))
    assert "Nothing was changed. Run the command again." in erase_caller(caller).stderr
    assert "Tickets erased: 2." in erase_caller(caller, "--yes").stdout
    assert caller not in json.dumps([item_of(ticket) for ticket in tickets])


@pytest.mark.exhaustive
@ON_MOTO
def test_second_run_after_a_kill_erases_the_rest(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    tickets = [create_ticket_with_history(client, caller, n) for n in range(5)]
    process: list[subprocess.Popen[str]] = []

    def kill(engine: FaultyDynamoDB) -> Any:
        process[0].kill()
        return reset(engine)

    # The query, and two requests per ticket. `kill` hits the write of the second ticket.
    faults.faults.extend([*[apply] * 4, kill])
    process.append(
        subprocess.Popen(
            [sys.executable, "-m", "flask", "erase-caller", caller, "--yes"],
            cwd=ROOT,
            env=environ(AWS_ENDPOINT_URL_DYNAMODB=faults.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )
    process[0].communicate(timeout=60)
    assert process[0].returncode == -signal.SIGKILL
    left = [ticket for ticket in tickets if caller in json.dumps(item_of(ticket))]
    assert 0 < len(left) < len(tickets)
    result = erase_caller(caller, "--yes")
    assert f"Tickets erased: {len(left)}." in result.stdout
    assert caller not in json.dumps([item_of(ticket) for ticket in tickets])


SIMILAR = "Callers with a similar ID, whose tickets this command does not erase:"


@pytest.mark.parametrize(
    ("caller_id", "similar", "others"),
    [
        (
            "+1 555 0100",
            {
                "'+1 555-0100'": 2,
                "'+1(555)0100'": 1,
                "'15550100'": 1,
                "'0015550100'": 1,
                "'tel:+15550100'": 1,
                "'+1555\\u200e0100'": 1,
                "'\u0661\u0665\u0665\u0665\u0660\u0661\u0660\u0660'": 1,
            },
            ["+15550101", "5550100", "+155501000", "a15550100"],
        ),
        ("Zo\u00eb Stra\u00dfe", {"'ZOE-STRASSE'": 1, "'zoe  strasse'": 1}, ["Zo", "zoestrasse1"]),
        ("\u260e", {}, ["\u260f", "15550100"]),
    ],
)
@pytest.mark.parametrize("options", [[], ["--yes"]])
def test_lists_similar_callers_that_are_not_erased(
    own_table: str, caller_id: str, similar: dict[str, int], others: list[str], options: list[str]
) -> None:
    (erased,) = store_tickets(caller_id, 1)
    ids = {text: ast.literal_eval(text) for text in similar}
    for text, count in similar.items():
        store_tickets(ids[text], count, status="closed")
    kept = [store_tickets(each, 1)[0] for each in others]
    result = erase_caller(caller_id, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    first, _, *rest = result.stdout.splitlines()
    lines = [
        f"  {text}: {similar[text]} {'ticket' if similar[text] == 1 else 'tickets'}"
        for text in sorted(similar, key=lambda text: ids[text])
    ]
    assert (first, rest) == (erased, [SIMILAR, *lines] if similar else [])
    assert (item_of(erased)["issue_description"] == {"S": "[erased]"}) is (options == ["--yes"])
    kept += [f"0-{each}" for each in ids.values()]
    assert {item_of(each)["issue_description"]["S"] for each in kept} == {"x"}


@ON_MOTO
def test_search_for_similar_callers_is_bounded(
    own_table: str, faults: FaultyDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "MAX_PAGES", 3)
    store_tickets("A", 1)
    store_tickets("a", 1, status="closed")
    result = erase_caller("A")
    # The query of the caller's tickets, and one query for each of the four statuses. The fourth
    # query has a page although only three are read.
    assert faults.operations[-5:] == ["Query"] * 5
    assert SIMILAR not in result.stdout
    assert result.stdout.endswith(
        "The list of similar callers is incomplete: the command read 3 MB of tickets, and there are"
        " more.\n"
    )


@ON_MOTO
def test_search_for_similar_callers_that_fails_is_reported_after_the_erasure(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    ticket = create_ticket_with_history(client, caller)
    faults.faults.extend([apply, apply, apply, refuse("AccessDeniedException")])
    result = erase_caller(caller, "--yes")
    assert result.exit_code == 1
    assert "Tickets erased: 1." in result.stdout
    assert result.stderr.startswith("Error: Callers with a similar ID are not listed: these AWS")
    assert SECRET not in json.dumps(item_of(ticket))


@pytest.mark.parametrize(
    ("form", "sent", "stored"),
    [
        ("", " Zoe\u0308", ["Zo\u00eb", " Zoe\u0308"]),
        ("phone", "tel:+1 555 0144", ["+15550144", "tel:+1 555 0144"]),
        ("", "Anonymous", ["anonymous", "Anonymous"]),
        ("", "a\x00b", ["a\x00b"]),
    ],
)
def test_erases_tickets_under_the_normalised_id_and_under_the_id_as_given(
    own_table: str, monkeypatch: pytest.MonkeyPatch, form: str, sent: str, stored: list[str]
) -> None:
    monkeypatch.setattr(config, "CALLER_ID_FORM", form)
    tickets = [store_tickets(caller_id, 1)[0] for caller_id in stored]
    result = erase_caller(sent, "--yes")
    assert f"Tickets erased: {len(stored)}." in result.stdout
    assert SIMILAR not in result.stdout
    for ticket in tickets:
        assert item_of(ticket)["caller_id"] == {"S": f"erased-{ticket}"}


@ON_MOTO
def test_output_does_not_contain_the_caller_id(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    create_ticket_with_history(client, caller)
    faults.faults.append(refuse("ThrottlingException"))
    result = erase_caller(caller, "--yes")
    assert result.exit_code == 0
    assert re.search(r'"message":"retry"', result.output)
    assert caller not in result.output
