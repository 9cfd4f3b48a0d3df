"""Characters that people cannot see. A text that has no other characters counts as empty."""

from __future__ import annotations

import re

# Control characters, line separators and paragraph separators.
CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
# The property Default_Ignorable_Code_Point ("DerivedCoreProperties.txt" of Unicode 16), the format
# characters for annotations and Egyptian hieroglyphs, and the blank Braille pattern.
IGNORABLE = (
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# One visible character, as a regular expression.
VISIBLE = rf"[^\s{CONTROL}{IGNORABLE}]"

_visible = re.compile(VISIBLE)
_ignorable = re.compile(f"[{IGNORABLE}]")


def is_empty(text: str) -> bool:
    """Return whether a text has no visible character."""
    return _visible.search(text) is None


def without_ignorable(text: str) -> str:
    """Return a text without the invisible characters that are neither control nor white space."""
    return _ignorable.sub("", text)
