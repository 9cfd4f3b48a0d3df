# ruff: noqa: RUF001 - the texts are in many scripts
"""Tests of the tokens of texts, of caller ids and of queries."""

from __future__ import annotations

import pytest

from itsm_app.search import tokens
from itsm_app.search.tokens import MAX_TOKEN_CHARACTERS

# Texts with their tokens. Words are separated by spaces in the second column.
TEXTS = {
    # Case, and letters that one language writes in several ways.
    "My PRINTER is on Fire": "my printer is on fire",
    "Straße STRASSE STRA\u1e9eE": "strasse",
    "Ärger Aerger Über": "arger aerger uber",
    "Crème brûlée, naïve": "creme brulee naive",
    "Łódź Đặng Søren Œuvre Æther": "lodz dang soren oeuvre aether",
    "İstanbul istanbul ISTANBUL ısı": "istanbul isi",
    "ΟΔΟΣ οδός": "οδοσ",
    "Ёлка елка": "елка",
    "ﬁle ﬂow Ⅳ ĳs": "file flow iv ijs",
    # Combining marks, composed and decomposed. The marks of some scripts make other letters.
    "e\u0301te\u0301 \u00e9t\u00e9": "ete",
    "a\u0323\u0302 a\u0302\u0323": "a",
    "\u0995\u09cb \u0995\u09c7\u09be": "\u0995\u09cb",
    "\u0b94 \u0b92\u0bd7": "\u0b94",
    "नमस्ते हिन्दी": "नमस्ते हिन्दी",
    "שָׁלוֹם שלום": "שלום",
    "مُحَمَّد محمد مـحـمـد": "محمد",
    "\u0301": "",
    # Width.
    "\uff37\uff49\uff26\uff49\uff11": "wifi1",
    "ガ ｶﾞ カ\u3099": "ガ",
    "ﾊﾟｿｺﾝ": "パ パソ ソ ソコ コ コン ン",
    # What only changes how a text looks.
    "Dru\u00adcker": "drucker",
    "葛\U000e0100城 葛城": "葛 葛城 城",
    "❤\ufe0f 🔥 👍🏽 1\ufe0f\u20e3": "1",
    # Digits of other scripts, and characters that contain digits.
    "٣٤ ४२ \uff11\uff12 m²": "34 42 12 m2",
    "½": "1 2",
    # Scripts without spaces: characters and pairs.
    "东京都": "东 东京 京 京都 都",
    "프린터 고장": "프 프린 린 린터 터 고 고장 장",
    "\u1111\u1173\u1105\u1175\u11ab": "프 프린 린",
    "ไทย": "ไ ไท ท ทย ย",
    "時々ー〇": "時 時々 々 々ー ー ー〇 〇",
    "ㅋㅋㅋ": "\u110f \u110f\u110f",
    "iPhone15ケース X線": "iphone15 ケ ケー ー ース ス x 線",
    # Separators.
    "anna.b+c@example.com": "anna b c example com",
    "e-mail Wi-Fi don't foo_bar": "e mail wi fi don t foo bar",
    "می\u200cخواهم": "می خواهم",
    "?! … -- 🔥": "",
    "": "",
    # Words that are too long.
    "x" * 50 + " " + "é" * 50: "x" * MAX_TOKEN_CHARACTERS + " " + "e" * MAX_TOKEN_CHARACTERS,
    # Numbers with seven digits or more have all suffixes with four digits or more.
    "555-0100": "555 0100 5550100 550100 50100",
    "555 0100": "555 0100 5550100 550100 50100",
    "555 010": "555 010",
    "SN12345678 12345678X": "sn12345678 12345678x",
    "電話03-1234号": "電 電話 話 03 1234 号",
    "Call 1234567.": "call 1234567 234567 34567 4567",
    "2026-11-25 10": "2026 11 25 10 20261125 0261125 261125 61125 1125"
    " 2026112510 026112510 26112510 6112510 112510 12510 2510",
    "1" * 20: " ".join("1" * length for length in (*range(4, 16), 20)),
    "0000000": "0000 00000 000000 0000000",
}
# The query terms of texts.
QUERIES = {
    "Printer PRINTER fire": "printer fire",
    "東京都 京": "東京都 京",
    "X線": "x 線",
    "VPN 555-0100 down": "vpn 5550100 down",
    "1234 0018": "12340018",
    "1234, 0018": "1234 0018",
    "1234-5678-9012": "123456789012",
    "1234 5678 9012": "123456789012",
    "+49 (0)30 1234-567": "49301234567",
    "030/1234567": "301234567",
    "0049 30 1234567": "49301234567",
    "\uff10\uff13\uff10\u20111234567": "301234567",
    "SN12345678": "sn12345678",
    "12345678 12345678": "234567812345678",
    "0000012": "0000012",
    "0" * 20: "0" * 15,
    "x" * 50: "x" * MAX_TOKEN_CHARACTERS,
    "": "",
    " \n": "",
    "?! 🔥 ❤\ufe0f": "",
}
# How people write phone numbers and ticket numbers, and what they say of the number.
NUMBERS = {
    "+49 (0)30 1234-567": "+49301234567 004930/1234567 030-1234567 (030)1234567 4567 34567",
    "+442079460018": "+44(0)20-7946-0018 02079460018 7946-0018 0018",
    "1655-4297-1282": "165542971282 1655.4297.1282 1282 42971282",
    "x1234": "x1234",
    "1234": "1234",
}
NO_NUMBERS = {
    "+49 30 1234567": "567 1234 30-1234568",
    "x1234": "1234",
    "1655-4297-1282": "16554297",
}


def terms(text: str) -> str:
    return " ".join(each.text for each in tokens.of_query(text))


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_text_has_tokens(text: str) -> None:
    assert tokens.of_text(text) == {*TEXTS[text].split()}


@pytest.mark.parametrize("text", QUERIES, ids=ascii)
def test_query_has_terms(text: str) -> None:
    assert terms(text) == QUERIES[text]


def test_caller_id_is_found_by_what_people_say_of_it() -> None:
    for number, said in NUMBERS.items():
        for each in said.split():
            assert {terms(each)} <= tokens.of_number(number), (number, each)
    for number, said in NO_NUMBERS.items():
        assert not tokens.of_number(number) & {*terms(said).split()} - {number}


def test_every_token_has_its_place_in_the_text() -> None:
    text = "\u1111\u1173린 Cafe\u0301s ﬁx ｶﾞ 030 1234567"
    places = {each.token: text[each.start : each.end] for each in tokens.find(text)}
    wanted = {"프": "\u1111\u1173", "프린": "\u1111\u1173린", "fix": "ﬁx", "ガ": "ｶﾞ"}
    wanted |= {"cafes": "Cafe\u0301s", "0301234567": "030 1234567", "34567": "1234567"}
    assert wanted.items() <= places.items()


def test_memory_for_folded_characters_is_limited() -> None:
    for number in range(13_000):
        tokens.fold("a" + chr(0x300 + number // 112) + chr(0x300 + number % 112))
    assert tokens._fold_cluster.cache_info().currsize < 10_000
