"""Tests that a query finds a word of a text however the two are spelled."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itsm_app.search import matches, tokens
from itsm_app.storage.models import Ticket

pytestmark = pytest.mark.exhaustive

# The beginnings and ends of blocks of Unicode.
BLOCKS = (
    (" ", "~"),
    ("\u00c0", "\u024f"),
    ("\u0300", "\u0344"),
    ("\u0370", "\u052f"),
    ("\u0590", "\u06ff"),
    ("\u0900", "\u0dff"),
    ("\u0e00", "\u109f"),
    ("\u1100", "\u11ff"),
    ("\u1e00", "\u1fff"),
    ("\u3040", "\u30ff"),
    ("\u4e00", "\u4eff"),
    ("\uac00", "\uacff"),
    ("\ufb00", "\ufb06"),
    ("\uff01", "\uff9f"),
    ("\U0001f300", "\U0001f64f"),
)


def full_width(text: str) -> str:
    return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text)


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


SPELLINGS = (str, str.upper, str.lower, full_width, decomposed, composed)


@settings(max_examples=3000, deadline=None)
@given(
    st.text(
        st.one_of(*(st.characters(min_codepoint=ord(a), max_codepoint=ord(b)) for a, b in BLOCKS))
    )
)
def test_word_is_found_in_every_spelling(text: str) -> None:
    for stored in {each(text) for each in SPELLINGS}:
        ticket = Ticket(caller_id="a", issue_description=stored)
        indexed = tokens.of_text(stored)
        for query in {each(word) for word in text.split() for each in SPELLINGS}:
            terms = tokens.of_query(query)
            assert {each for term in terms for each in term.tokens} <= indexed
            assert matches.find(ticket, terms) or not terms
