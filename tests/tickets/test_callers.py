"""Tests of caller ids: normal form, phone numbers and withheld numbers."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from itsm_app import config, create_app
from itsm_app.tickets import callers

NEW = {"issue_description": "My printer is on fire"}
FORMAT_CHARACTERS = ["\u200e", "\u202a", "\ufeff", "\u00ad", "\U000e0041"]


def create(client: FlaskClient, caller_id: str) -> str:
    response = client.post("/tickets", json={**NEW, "caller_id": caller_id})
    assert response.status_code == 201
    return str(response.json["ticket_id"])


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (" a ", "a"),
        ("e\u0301", "\u00e9"),
        ("\u00e9", "\u00e9"),
        ("A b", "A b"),
        ("Anonymous", "anonymous"),
        (" UNKNOWN", "unknown"),
    ],
)
def test_caller_id_is_stored_in_one_form(client: FlaskClient, sent: str, stored: str) -> None:
    ticket = create(client, sent)
    assert client.get(f"/tickets/{ticket}").json["caller_id"] == stored
    assert client.get(f"/tickets/{ticket}", headers={"X-Caller-Id": quote(sent)}).status_code == 200


@pytest.mark.parametrize("character", ["\n", "\x00", "\x7f", *FORMAT_CHARACTERS])
def test_rejects_control_and_format_characters(client: FlaskClient, character: str) -> None:
    sent = f"+1555{character}0100"
    response = client.post("/tickets", json={**NEW, "caller_id": sent})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert response.json["error"].startswith("`caller_id` must not contain control characters")
    response = client.get("/tickets", headers={"X-Caller-Id": quote(sent)})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert response.json["error"].startswith("`X-Caller-Id`")


@pytest.mark.parametrize(
    "sent",
    [
        "+15550100",
        "+1 555 0100",
        "+1 (555) 01-00",
        "tel:+1-555-0100",
        "TEL:+1.555.0100",
        "0015550100",
        "\u202a+15550100\u202c",
        "+\u0661\u0665\u0665\u0665\u0660\u0661\u0660\u0660",
        "\uff0b\uff11\uff15\uff15\uff15\uff10\uff11\uff10\uff10",
    ],
)
def test_phone_numbers_are_stored_as_e164(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    monkeypatch.setattr(config, "CALLER_ID_FORM", "phone")
    ticket = create(client, sent)
    assert client.get(f"/tickets/{ticket}").json["caller_id"] == "+15550100"


@pytest.mark.parametrize("sent", ["5550100", "+0155501000", "+1555", "+1" * 9, "anna", "+1555x100"])
def test_phone_form_rejects_other_ids(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    monkeypatch.setattr(config, "CALLER_ID_FORM", "phone")
    response = client.post("/tickets", json={**NEW, "caller_id": sent})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert "country code" in response.json["error"]


def test_phone_form_accepts_withheld_numbers(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "CALLER_ID_FORM", "phone")
    ticket = create(client, "Restricted")
    assert client.get(f"/tickets/{ticket}").json["caller_id"] == "restricted"


def test_unknown_caller_id_form_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CALLER_ID_FORM", "email")
    with pytest.raises(config.InvalidSetting, match="CALLER_ID_FORM"):
        create_app()


@pytest.mark.parametrize("word", sorted(callers.WITHHELD))
def test_withheld_callers_have_no_list_but_reach_their_tickets_by_number(
    client: FlaskClient, word: str
) -> None:
    withheld = {"X-Caller-Id": word.title()}
    ticket = create(client, word)
    response = client.get("/tickets", headers=withheld)
    assert response.status_code == 200
    assert response.json["tickets"] == []
    assert "withheld" in response.json["note"]
    for other in callers.WITHHELD:
        headers = {"X-Caller-Id": other}
        assert client.get(f"/tickets/{ticket}", headers=headers).status_code == 200
        path = f"/tickets/{ticket}/comments"
        assert client.post(path, json={"comment": "Hello?"}, headers=headers).status_code == 200


def test_withheld_callers_do_not_reach_tickets_of_known_callers(
    client: FlaskClient, caller: str
) -> None:
    withheld = {"X-Caller-Id": "anonymous"}
    ticket = create(client, caller)
    assert client.get(f"/tickets/{ticket}", headers=withheld).status_code == 404
    response = client.post(f"/tickets/{ticket}/comments", json={"comment": "b"}, headers=withheld)
    assert response.status_code == 404


def test_known_callers_do_not_reach_tickets_of_withheld_callers(
    client: FlaskClient, caller: str
) -> None:
    ticket = create(client, "anonymous")
    response = client.get(f"/tickets/{ticket}", headers={"X-Caller-Id": quote(caller)})
    assert response.status_code == 404


def test_list_of_a_known_caller_has_no_note(client: FlaskClient, caller: str) -> None:
    assert "note" not in client.get(f"/tickets?caller={quote(caller)}").json
