"""Tests of `CALLER_SECRET`: the table has pseudonyms, and requests still take the plain id."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import subprocess
import sys
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from itsm_app import config, create_app
from itsm_app.connect.door import Door
from itsm_app.storage import sizes
from itsm_app.storage.models import Ticket
from itsm_app.tickets import callers, canned_answers

from ..commands.test_export_import import TIME, export, ids, import_, put
from ..conftest import ON_MOTO, shared_app
from ..connect.contact_events import INSTANCE, event
from ..support.desk import AGENT, ANNA, Desk
from ..support.flask_run import ROOT
from ..support.mcp_messages import call, text_content
from .test_cursors import store_tickets
from .test_erasure import dynamodb, erase_caller, item_of

pytestmark = [ON_MOTO, pytest.mark.usefixtures("own_table")]

SECRET = "0123456789abcdef0123456789abcdef"
NUMBER = "+15550142"
SPELLING = "tel:001 (555) 01-42"
PSEUDONYM = "caller" + hmac.new(SECRET.encode(), NUMBER.encode(), hashlib.sha256).hexdigest()
NEW = {"issue_description": "My printer is on fire"}
BY_AGENT, BY_DESK = {"x-api-key": AGENT}, {"x-api-key": ANNA}


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CALLER_SECRET", SECRET)
    monkeypatch.setattr(config, "CALLER_ID_FORM", "phone")


@pytest.fixture
def web(anna: Desk) -> FlaskClient:
    return anna.client.application.test_client()


def create(web: FlaskClient, caller: str = NUMBER) -> str:
    response = web.post("/tickets", json={**NEW, "caller_id": caller}, headers=BY_AGENT)
    assert response.status_code == 201
    return str(response.json["ticket_id"])


def stored_callers() -> set[str]:
    return {each.caller_id for each in Ticket.scan()}


def test_every_interface_takes_the_plain_id_and_stores_the_pseudonym(
    anna: Desk, web: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "CONNECT_INSTANCES", INSTANCE)
    door = Door(shared_app())
    path = f"/tickets/{create(web)}"
    bound = {**BY_AGENT, "X-Caller-Id": quote(SPELLING)}
    form = {**anna.form("/desk/new", "Create ticket"), **NEW, "caller_id": SPELLING}
    assert anna.post("/desk/new", form).status_code == 303
    for response in (
        web.post("/tickets", json={**NEW, "caller_id": SPELLING}, headers=BY_DESK),
        web.post("/tickets", json={**NEW, "caller_id": NUMBER}, headers=bound),
        web.get(path, query_string={"caller": SPELLING}, headers=BY_AGENT),
        web.get(path, headers=bound),
        web.post(f"{path}/comments", json={"comment": "a", "caller": NUMBER}, headers=BY_AGENT),
    ):
        assert response.status_code in (200, 201)
    created = text_content(call(web, "create_ticket", {**NEW, "caller_id": NUMBER}, extra=BY_AGENT))
    assert created["possible_duplicates"]
    sent = event("create_ticket", NUMBER, **NEW, caller_id=SPELLING)
    assert door.respond(sent, "request-1")["ok"] == "true"
    assert stored_callers() == {PSEUDONYM}
    assert "5550142" not in json.dumps(dynamodb().scan(TableName=Ticket.Meta.table_name)["Items"])
    for response in (
        web.get("/tickets", query_string={"caller": SPELLING}, headers=BY_AGENT),
        web.get("/tickets", headers=bound),
    ):
        assert len(response.json["tickets"]) == 6
    listed = call(web, "list_recent_tickets", {"caller": NUMBER}, extra=BY_AGENT)
    assert len(text_content(listed)["tickets"]) == 6
    begun = door.respond(event("begin_call", NUMBER), "request-2")
    assert (begun["caller_known"], begun["ticket_count"]) == ("true", "3")


def test_other_callers_and_withheld_callers_are_told_apart(web: FlaskClient) -> None:
    ticket, withheld = create(web), create(web, "Anonymous")
    assert stored_callers() == {PSEUDONYM, "anonymous"}
    for caller, statuses in (("+15550143", [404, 404]), ("unknown", [404, 200])):
        bound = {**BY_AGENT, "X-Caller-Id": caller}
        found = [web.get(f"/tickets/{each}", headers=bound) for each in (ticket, withheld)]
        assert [each.status_code for each in found] == statuses
        assert web.get("/tickets", headers=bound).json["tickets"] == []


@pytest.mark.parametrize("form", ["", "phone"])
def test_only_the_desk_can_use_a_pseudonym(
    anna: Desk, web: FlaskClient, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    ticket = create(web)
    monkeypatch.setattr(config, "CALLER_ID_FORM", form)
    for sent in (PSEUDONYM, f" {PSEUDONYM} "):
        bound = {**BY_DESK, "X-Caller-Id": quote(sent)}
        for response in (
            web.get("/tickets", query_string={"caller": sent}, headers=BY_AGENT),
            web.get(f"/tickets/{ticket}", query_string={"caller": sent}, headers=BY_AGENT),
            web.post("/tickets", json={**NEW, "caller_id": sent}, headers=BY_AGENT),
            web.get("/tickets", headers=bound),
        ):
            assert (response.status_code, response.json["code"]) == (400, "invalid_field")
            assert "is the pseudonym of a caller" in response.json["error"]
        result = call(web, "list_recent_tickets", {"caller": sent}, extra=BY_AGENT)
        assert result["isError"] is True
        found = web.get("/tickets", query_string={"caller": sent}, headers=BY_DESK).json["tickets"]
        assert [each["ticket_id"] for each in found] == [ticket]
    follow_up = {**anna.form("/desk/new", "Create ticket"), **NEW, "caller_id": PSEUDONYM}
    assert anna.post("/desk/new", {**follow_up, "follow_up_of": ticket}).status_code == 303
    assert stored_callers() == {PSEUDONYM}
    panel = anna.get(f"/desk/tickets/{ticket}").text.partition("<aside")[2]
    assert f'href="/desk/find?q={PSEUDONYM}"' in panel
    assert "Latest tickets of this caller" in panel
    # Another case is no pseudonym, but an ordinary id, which only the phone form rejects.
    upper = web.post("/tickets", json={**NEW, "caller_id": PSEUDONYM.upper()}, headers=BY_AGENT)
    assert upper.status_code == (400 if form else 201)


def test_export_and_import_replace_plain_ids(web: FlaskClient) -> None:
    (plain,) = store_tickets(NUMBER, 1, content_bytes=100)
    put("own-words", caller_id={"S": SPELLING})
    put("erased", caller_id={"S": "erased-1"}, erased_at={"S": TIME})
    put("withheld", caller_id={"S": "unknown"})
    put("rejected", caller_id={"S": "anna"})
    bound = {**BY_AGENT, "X-Caller-Id": NUMBER}
    assert web.get(f"/tickets/{plain}", headers=bound).status_code == 404
    lines = export()
    assert ids(export("--caller", NUMBER)) == [plain]
    assert import_(lines) == (
        "Imported: 0. Already existed: 3.\nAlready existed, and now have the present form: 2.\n"
        "Tickets with a caller ID that this service rejects in requests: 1. Only requests that name"
        " no caller can read them.\n"
    )
    assert stored_callers() == {PSEUDONYM, "erased-1", "unknown", "anna"}
    added = sizes.of_text(PSEUDONYM) - sizes.of_text(NUMBER)
    assert item_of(plain)["content_bytes"] == {"N": str(100 + added)}
    assert web.get(f"/tickets/{plain}", headers=bound).status_code == 200
    # Both files can be imported again.
    for file in (lines, export()):
        assert import_(file).startswith("Imported: 0. Already existed: 5.\n")
    assert sorted(ids(export("--caller", SPELLING))) == [plain, "own-words"]


def test_erase_caller_takes_the_plain_id(web: FlaskClient) -> None:
    ticket = create(web)
    change = {"assignee": NUMBER, "comment": "It was you"}
    assert web.patch(f"/tickets/{ticket}", json=change, headers=BY_DESK).status_code == 200
    put("plain", caller_id={"S": NUMBER})
    other = create(web, "+15550143")
    result = erase_caller(SPELLING, "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Tickets erased: 2." in result.stdout
    for each in (ticket, "plain"):
        item = json.dumps(item_of(each))
        assert NUMBER not in item
        assert PSEUDONYM not in item
    assert item_of(other)["issue_description"] == {"S": NEW["issue_description"]}


def test_erase_caller_without_the_secret_says_that_it_is_missing(
    web: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = create(web)
    (plain,) = store_tickets(NUMBER, 1)
    monkeypatch.setattr(config, "CALLER_SECRET", "")
    result = erase_caller(NUMBER, "--yes")
    assert result.exit_code == 1
    assert "Tickets erased: 1." in result.stdout
    assert "has pseudonymous callers, and CALLER_SECRET is not set" in result.stderr
    assert item_of(plain)["issue_description"] == {"S": "[erased]"}
    # If the secret is lost, the desk knows the pseudonym.
    result = erase_caller(PSEUDONYM, "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert stored_callers() == {f"erased-{ticket}", f"erased-{plain}"}


def test_with_another_secret_the_caller_has_no_tickets(
    web: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = create(web)
    monkeypatch.setattr(config, "CALLER_SECRET", SECRET[::-1])
    bound = {**BY_AGENT, "X-Caller-Id": NUMBER}
    assert web.get("/tickets", headers=bound).json["tickets"] == []
    assert web.get(f"/tickets/{ticket}", headers=bound).status_code == 404
    assert web.get(f"/tickets/{ticket}", headers=BY_DESK).json["caller_id"] == PSEUDONYM


def test_canned_answers_do_not_contain_the_pseudonym() -> None:
    text = "Ticket {number} of {caller}"
    assert canned_answers.fill(text, PSEUDONYM, "1") == "Ticket 1 of {caller}"
    assert canned_answers.fill(text, "anonymous", "1") == "Ticket 1 of anonymous"


@pytest.mark.parametrize("secret", ["x", "x" * 31])
def test_rejects_a_short_secret(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setattr(config, "CALLER_SECRET", secret)
    with pytest.raises(config.InvalidSetting, match="CALLER_SECRET must have at least 32") as error:
        create_app()
    assert secret * 2 not in str(error.value)


def test_the_secret_can_have_any_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = bytes(range(128, 160))
    monkeypatch.setattr(config, "CALLER_SECRET", secret.decode(errors="surrogateescape"))
    expected = hmac.new(secret, "\u00e9".encode(), hashlib.sha256).hexdigest()
    assert callers.to_stored("\u00e9") == f"caller{expected}"


def test_documented_command_prints_the_pseudonym() -> None:
    documented = (ROOT / "docs/security.md").read_text()
    (command,) = re.findall(r"^python -c '(.*)' \S+$", documented, re.MULTILINE)
    printed = subprocess.check_output(
        [sys.executable, "-c", command, NUMBER], env={"CALLER_SECRET": SECRET}, text=True
    )
    assert printed == f"{PSEUDONYM}\n"
