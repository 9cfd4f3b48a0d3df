"""Tests of ticket numbers."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from flask.testing import FlaskClient

from itsm_app.tickets import numbers
from itsm_app.tickets.errors import MisheardNumber

from ..conftest import ON_MOTO
from ..support.exhaustive import exhaustive
from ..support.faulty_dynamodb import FaultyDynamoDB

NUMBERS = [next(numbers.candidates("a", str(key))) for key in range(1000)]


def wrong_digits(number: str) -> set[str]:
    places = range(len(number))
    return {number[:n] + digit + number[n + 1 :] for n in places for digit in "0123456789"}


def swaps(number: str) -> set[str]:
    pairs = enumerate(pairwise(number))
    return {number[:n] + b + a + number[n + 2 :] for n, (a, b) in pairs}


@pytest.mark.parametrize("errors", [wrong_digits, swaps])
@pytest.mark.parametrize("count", [50, exhaustive(len(NUMBERS))])
def test_detects_every_wrong_digit_and_every_swap_of_adjacent_digits(
    errors: object, count: int
) -> None:
    assert callable(errors)
    for number in NUMBERS[:count]:
        assert numbers.to_ticket_id(number) == numbers.ticket_id(number)
        for misheard in errors(number) - {number}:
            with pytest.raises(MisheardNumber):
                numbers.to_ticket_id(misheard)


def test_numbers_are_not_sequential() -> None:
    without_a_key = [next(numbers.candidates("a", None)) for _ in range(1000)]
    for sample in (NUMBERS, without_a_key):
        assert len({number[:6] for number in sample}) > 990
        assert {len(number) for number in sample} == {12}


@pytest.mark.parametrize(
    "number_format",
    ["{0}", "{1}-{2}-{3}", "{1} {2} {3}", "{1}.{2}.{3}", " {0} ", "{1}, {2}, {3}", "{4}"],
)
def test_finds_a_ticket_by_its_number_in_every_format(
    client: FlaskClient, caller: str, number_format: str
) -> None:
    new = {"caller_id": caller, "issue_description": "No mail"}
    created = client.post("/tickets", json=new).json
    assert re.fullmatch(r"\d{4}-\d{4}-\d{4}", created["ticket_number"])
    parts = created["ticket_number"].split("-")
    path = "/tickets/" + number_format.format("".join(parts), *parts, created["spoken_number"])
    assert client.get(path).json["ticket_id"] == created["ticket_id"]
    assert client.post(f"{path}/comments", json={"comment": "Hello?"}).status_code == 200
    (found,) = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert found["ticket_number"] == created["ticket_number"]
    assert len(found["comments"]) == 1


@ON_MOTO
@pytest.mark.parametrize("misheard", ["123456789012", "1234-5678-901", "1", "1234 5678 9012 3"])
def test_rejects_an_invalid_number_without_a_dynamodb_request(
    client: FlaskClient, faults: FaultyDynamoDB, misheard: str
) -> None:
    digits = sum(character.isdigit() for character in misheard)
    comment = client.post(f"/tickets/{misheard}/comments", json={"comment": "Hello?"})
    for response in (client.get(f"/tickets/{misheard}"), comment):
        assert (response.status_code, response.json["code"]) == (400, "misheard_number")
        assert "Ask the caller to say the number again" in response.json["error"]
        assert f" {digits}-digit number" in response.json["error"]
    assert faults.operations == []


def test_valid_number_without_a_ticket_is_not_found(client: FlaskClient) -> None:
    response = client.get(f"/tickets/{next(numbers.candidates('nobody', 'at all'))}")
    assert (response.status_code, response.json["code"]) == (404, "ticket_not_found")


@pytest.mark.parametrize(
    "pasted",
    [
        "\u200e1655-4297-1282\u200f",
        "\ufeff1655 4297 1282",
        "\u0661\u0666\u0665\u0665\u0664\u0662\u0669\u0667\u0661\u0662\u0668\u0662",
        "\uff11\uff16\uff15\uff15-\uff14\uff12\uff19\uff17-\uff11\uff12\uff18\uff12",
        "\u0967\u096c\u096b\u096b\u096a\u0968\u096f\u096d\u0967\u0968\u096e\u0968",
        "FED87AD4-C84A-5066-8B72-3F05EAFB9DD2",
        "\u2066fed87ad4-c84a-5066-8b72-3f05eafb9dd2\u2069",
    ],
)
def test_accepts_numbers_and_ids_as_people_paste_them(pasted: str) -> None:
    assert numbers.to_ticket_id(pasted) == "fed87ad4-c84a-5066-8b72-3f05eafb9dd2"
