"""Tests of card numbers: what is replaced, and what is not."""

from __future__ import annotations

import pytest

from itsm_app.redaction import card_numbers

from ..support.exhaustive import one_per_path

SPOKEN = "four one one one one one one one one one one one one one one one"
# The issuers' public test numbers. `{}` stands for the redacted number.
CAUGHT = [
    ("4111111111111111", "{}"),
    ("My card is 4111 1111 1111 1111.", "My card is {}."),
    ("4111-1111-1111-1111, expires 12/27, code 123", "{}, expires 12/27, code 123"),
    ("4111 1111 1111 1111 12 27 123", "{} 12 27 123"),
    ("Order 12 4111 1111 1111 1111", "Order 12 {}"),
    ("4111.1111.1111.1111", "{}"),
    ("4111\u00a01111\u00a01111\u00a01111", "{}"),
    ("4111\u20111111\u20111111\u20111111", "{}"),
    ("4111 1111\n1111 1111", "{}"),
    ("4111 1111 - 1111 1111", "{}"),
    ("4111_1111_1111_1111", "{}"),
    ("41 11 11 11 11 11 11 11", "{}"),
    ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "{}"),
    ("4\u200b111\u200b1111\u200b1111\u200b1111", "{}"),
    ("card:4111111111111111;", "card:{};"),
    ("card4111111111111111x", "card{}x"),
    ("4222222222222", "{}"),
    ("4000 0000 0000 0000 006", "{}"),
    ("5555 5555 5555 4444", "{}"),
    ("5105105105105100", "{}"),
    ("2223 0031 2200 3222", "{}"),
    ("2720 9900 0000 0007", "{}"),
    ("3782 822463 10005", "{}"),
    ("3714-496353-98431", "{}"),
    ("371449635398431", "{}"),
    ("6011 1111 1111 1117", "{}"),
    ("6445 6445 6445 6445", "{}"),
    ("6500000000000002", "{}"),
    ("3056 930902 5904", "{}"),
    ("36227206271667", "{}"),
    ("38520000023237", "{}"),
    ("3530 1113 3330 0000", "{}"),
    ("6759 6498 2643 8453", "{}"),
    ("6304 0000 0000 0000", "{}"),
    ("6200 0000 0000 0005", "{}"),
    ("\u0664\u0661\u0661\u0661" + " \u0661\u0661\u0661\u0661" * 3, "{}"),  # Arabic-Indic digits
    ("४१११११११११११११११", "{}"),
    ("卡号４１１１１１１１１１１１１１１１谢谢", "卡号{}谢谢"),
    ("5500 0000 0000 0004 4111 1111 1111 1111", "{} {}"),
    ("5500 0000 0000 0004, 4111 1111 1111 1111", "{}, {}"),
    ("5500 0000 0000 0004 for rent; 4111 1111 1111 1111", "{} for rent; {}"),
    (f"It is {SPOKEN} thanks", "It is {} thanks"),
    (SPOKEN.title().replace(" ", ", "), "{}"),
    (SPOKEN.replace(" ", "-"), "{}"),
    ("four triple one double one double one, 1111 1111", "{}"),
    ("four one one one and then 1111 uh 1111 1111", "{}"),
    ("four double 2 triple two double two double two triple two", "{}"),
    ("five five oh zero, o o nought null, 0000 000 four", "{}"),
    ("vier eins eins eins " + "eins eins eins eins " * 3, "{} "),
    ("Vier dreimal eins, doppeleins doppel eins, 1111, zweimal die eins eins eins", "{}"),
    ("fünf fu\u0308nf null null " + "null " * 11 + "vier", "{}"),
    ("zwo zwo zwei drei 0031 zwei zwei null null drei zwo zwo zwo", "{}"),
    ("vier zwo zwo zwo und zwo zwo zwo zwo und zwo zwo zwo zwo zwo", "{}"),
    ("DE00 4111 1111 1111 1111", "DE00 {}"),  # No IBAN: the check digits are wrong.
    ("+4111 1111 1111 1111", "+{}"),  # Too long for a phone number.
    ("004111 4111 1111 1111 1111", "004111 {}"),
]
NOT_CAUGHT = [
    "",
    "My printer is on fire",
    "1655-4297-1282",
    "4655-4297-1282",
    "4111 1111 1111",
    "5018 0000 0009",  # Maestro numbers can have 12 digits, as ticket numbers have.
    "Tickets 4655-4297-1282, 4655-4297-1283, 4655-4297-1284",
    "Tickets 4111-1111-1111 1111",  # A ticket number, and another number.
    "4111.1111.1111, 1111",
    "4111 1111 1111 1112",
    "5555555555554445",
    "four one one one one one one one one one one one one one one two",
    "four one one one one one one one",
    "one two three",
    "double trouble and triple 12",
    "9111 1111 1111 1119",
    "1234 5678 9012 3452",
    "0000 0000 0000 0000",
    "2721 0000 0000 0004",
    "2220 9900 0000 0005",
    "3500 0000 0000 0005",
    "+49 151 12345678",
    "+4222222222222",
    "004222222222222",
    "+1 555 010 0123",
    "(030) 1234-5678",
    "DE89 3704 0044 0532 0130 00",
    "DE89370400440532013000",
    "GB29 NWBK 6016 1331 9268 19",
    "AT61 1904 3002 3457 3201",
    "FR14 2004 1010 0505 0001 3M02 606",
    "550e8400-e29b-41d4-a716-446655440000",
    "41111111-1111-4111-8111-111111111111",
    "2026-11-26T12:54:44.123456Z",
    "20261126125444",
    "1732623284000",
    "192.168.100.200 and 10.0.0.1",
    "Build 10.0.19045.5131",
    "IMEI 490154203237518",
    "ISBN 978-3-16-148410-0",
    "ICCID 89490200001234567890",
    "411111111111111111111",  # Longer than any card number.
    "x41111111111111111111",
    "99994111111111111111",
    "4a111111111111111",
    "4111 1111 is the first half, 1111 1111 the second",
    "4111 1111     1111 1111",
    "4111:1111:1111:1111",
    "50.00, 36.12, 44.90, 12.16",  # Without separators, a Maestro number.
    "41.1, 111, 11.11, 11.11, 1111",
    "1;2;3;4",
    "forty-one eleven eleven eleven eleven eleven eleven eleven",
    "einundvierzig elf elf elf elf elf elf elf",
    "MAC 41:11:11:11:11:11",
    "[card]",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    one_per_path(CAUGHT, lambda case: case == CAUGHT[1]),
)
def test_card_numbers_are_replaced(text: str, expected: str) -> None:
    redacted = card_numbers.replace(text)
    assert redacted == expected.replace("{}", "[card]")
    assert card_numbers.replace(redacted) == redacted


@pytest.mark.parametrize("text", one_per_path(NOT_CAUGHT, lambda case: case == NOT_CAUGHT[1]))
def test_other_numbers_stay(text: str) -> None:
    assert card_numbers.replace(text) == text


def test_every_path_through_texts_with_numbers() -> None:
    """Run all texts at once, which is fast. The exhaustive tests name the text that fails."""
    for text in NOT_CAUGHT:
        assert card_numbers.replace(text) == text
    for text, expected in CAUGHT:
        assert card_numbers.replace(text) == expected.replace("{}", "[card]")


def test_whole_number_is_replaced_if_its_beginning_is_a_card_number_too() -> None:
    assert card_numbers.replace("4222222222222") == "[card]"
    assert card_numbers.replace(" ".join("4222222222222006")) == "[card]"


HOSTILE = [
    "4",
    "4 ",
    "four ",
    "4111 1111 1111 1111 ",
    "DE89 ",
    "A",
    "double ",
    "a-",
    "u\u0308",
    " ",
]


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", HOSTILE)
def test_long_hostile_texts_are_processed(part: str) -> None:
    text = (part * 200_000)[:200_000]
    assert len(card_numbers.replace(text)) <= len(text)
