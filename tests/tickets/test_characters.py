"""Tests of the list of invisible characters."""

from __future__ import annotations

import unicodedata

import pytest

from itsm_app.tickets import characters


@pytest.mark.exhaustive
def test_every_control_and_format_character_is_invisible() -> None:
    found = {
        chr(code)
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp", "Zs")
        and not characters.is_empty(chr(code))
    }
    # Signs that are written before or around a number: "Prepended_Concatenation_Mark" in Unicode.
    signs = "\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
    assert found <= {*map(chr, range(0x600, 0x606)), *signs}
