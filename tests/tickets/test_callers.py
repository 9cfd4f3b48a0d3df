"""Tests of caller ids: normal form, phone numbers and withheld numbers."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from itsm_app import config, create_app
from itsm_app.tickets import callers

from ..conftest import WITHOUT_SEARCH
from ..support.desk import AGENT, ANNA, Desk
from ..support.mcp_messages import call, text_content

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
        "\u202atel:+1555\u22120100",
        "+1[555]_01\\00\xb7\u30fc",
        "tel:001/555/0100",
    ],
)
def test_phone_numbers_are_stored_as_e164(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    monkeypatch.setattr(config, "CALLER_ID_FORM", "phone")
    ticket = create(client, sent)
    assert client.get(f"/tickets/{ticket}").json["caller_id"] == "+15550100"


@pytest.mark.parametrize(
    "sent",
    [
        "5550100",
        "+0155501000",
        "+1555",
        "+1" * 9,
        "anna",
        "+1555x100",
        "+15550100,12",
        "+15550100;ext=12",
        "+1555\x000100",
        "+44 (0)20 7946 0018",
        "erased-fed87ad4-c84a-5066-8b72-3f05eafb9dd2",
    ],
)
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


def test_rejects_an_id_that_is_too_long_in_normal_form_c(client: FlaskClient) -> None:
    # This Hebrew letter has three characters in normal form C.
    response = client.post("/tickets", json={**NEW, "caller_id": "\ufb2c" * 34})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert (
        "at most 100 characters in Unicode's normal form C, but it has 102"
        in (response.json["error"])
    )
    assert create(client, "\ufb2c" * 33)


SPELLINGS = pytest.mark.parametrize(
    ("form", "caller_id", "sent"),
    [
        ("", "zo\u00eb", " zoe\u0308\u3000"),
        ("phone", "+15550142", "tel:001 (555) 01-42"),
        ("phone", "+15550142", "\u202a+\uff11555\u2011\u0660142\u202c"),
    ],
)


@SPELLINGS
def test_every_interface_normalises_a_caller_id(
    anna: Desk,
    own_table: str,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    caller_id: str,
    sent: str,
) -> None:
    monkeypatch.setattr(config, "CALLER_ID_FORM", form)
    client, key = anna.client.application.test_client(), {"x-api-key": AGENT}
    bound = {**key, "X-Caller-Id": quote(sent)}
    created = client.post("/tickets", json={**NEW, "caller_id": sent}, headers=key)
    assert created.status_code == 201
    path = f"/tickets/{created.json['ticket_id']}"
    for response in (
        client.get(path, query_string={"caller": sent}, headers=key),
        client.get(path, headers=bound),
        client.get("/tickets", query_string={"caller": sent}, headers=key),
        client.get("/tickets", headers=bound),
        client.get("/tickets", query_string={"caller": sent}, headers=bound),
        client.post(f"{path}/comments", json={"comment": "a", "caller": sent}, headers=key),
        client.post("/tickets", json={**NEW, "caller_id": caller_id}, headers=bound),
    ):
        assert response.status_code in (200, 201)
        found = response.json.get("tickets", [response.json])
        assert {each.get("caller_id", caller_id) for each in found} == {caller_id}
    for arguments in ({"caller": sent}, {"caller": caller_id}):
        listed = call(client, "list_recent_tickets", arguments, extra=key)
        assert len(text_content(listed)["tickets"]) == 2
    form_fields = {**anna.form("/desk/new", "Create ticket"), **NEW, "caller_id": sent}
    assert anna.post("/desk/new", form_fields).status_code == 303
    listed = client.get("/tickets", query_string={"caller": caller_id}, headers=key)
    assert len(listed.json["tickets"]) == 3


@WITHOUT_SEARCH
@SPELLINGS
def test_desk_without_search_normalises_a_caller_id(
    anna: Desk,
    own_table: str,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    caller_id: str,
    sent: str,
) -> None:
    monkeypatch.setattr(config, "CALLER_ID_FORM", form)
    client, key = anna.client.application.test_client(), {"x-api-key": AGENT}
    for spelling in (caller_id, sent):
        client.post("/tickets", json={**NEW, "caller_id": spelling}, headers=key)
        page = anna.client.get("/desk/find", query_string={"q": spelling}).text
        assert page.count("<tr ") == (2 if spelling == caller_id else 3)


@WITHOUT_SEARCH
def test_desk_search_explains_why_a_text_finds_nothing(
    anna: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "CALLER_ID_FORM", "phone")
    for text, message in (
        ("1234-5678-9012", "This is not a valid ticket number"),
        ("anna", "The caller must be a phone number with its country code"),
    ):
        response = anna.get(f"/desk/find?q={text}")
        assert response.status_code == 400
        assert message in response.text
        assert "Nothing found" in response.text
    assert "Nothing found" not in anna.get("/desk/find?q=%E2%80%8E").text


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


@pytest.mark.parametrize("caller_id", ["anonymous", " RESTRICTED"])
def test_agent_gets_no_list_of_withheld_callers_and_the_desk_gets_it(
    desk_app: Flask, own_table: str, caller_id: str
) -> None:
    client = desk_app.test_client()
    agent, bound = {"x-api-key": AGENT}, {"x-api-key": AGENT, "X-Caller-Id": quote(caller_id)}
    ticket = client.post("/tickets", json=NEW, headers=bound).json["ticket_id"]
    query = {"caller": caller_id}
    expected = {"tickets": [], "note": client.get("/tickets", headers=bound).json["note"]}
    assert "Ask the caller for a ticket number" in expected["note"]
    assert client.get("/tickets", headers=bound).json == expected
    assert client.get("/tickets", query_string=query, headers=agent).json == expected
    for arguments, headers in (({}, bound), (query, agent)):
        result = call(client, "list_recent_tickets", arguments, extra=headers)
        assert text_content(result) == expected
    desk = {"x-api-key": ANNA}
    listed = client.get("/tickets", query_string=query, headers=desk).json["tickets"]
    assert [each["ticket_id"] for each in listed] == [ticket]
    assert client.get("/tickets", headers={**desk, **bound, "x-api-key": ANNA}).json == expected


def test_agent_tool_reaches_a_ticket_of_a_withheld_caller_by_its_number(
    desk_app: Flask, own_table: str
) -> None:
    client = desk_app.test_client()
    bound = {"x-api-key": AGENT, "X-Caller-Id": "Anonymous"}
    ticket = client.post("/tickets", json=NEW, headers=bound).json["ticket_number"]
    for name, arguments in (
        ("get_ticket_status", {"ticket_id": ticket}),
        ("add_ticket_comment", {"ticket_id": ticket, "comment": "Hello?"}),
    ):
        assert not call(client, name, arguments, extra={**bound, "X-Caller-Id": "unknown"})[
            "isError"
        ]
        assert call(client, name, arguments, extra={**bound, "X-Caller-Id": "x"})["isError"]
