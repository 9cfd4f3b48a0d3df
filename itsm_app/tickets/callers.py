"""Caller ids. They are normalised, so that each caller has one id."""

from __future__ import annotations

import re
import unicodedata

from .. import config
from . import characters
from .errors import InvalidField
from .limits import MAX_CALLER_ID_CHARACTERS

# What telephone systems send for a caller whose number is withheld.
WITHHELD = frozenset({"anonymous", "unknown", "restricted"})
FORMS = ("", "phone")

# Separators that people and systems write in a phone number.
PHONE_SEPARATORS = re.compile(r"[\s()\[\].\-/\\_\xb7\u2010-\u2015\u2044\u2212\u30fb\u30fc]")
# A trunk prefix, as in +44 (0)20. Some countries dial the 0 after the country code, others do not.
TRUNK_PREFIX = "(0)"
# E.164: a country code that does not begin with 0, and at most 15 digits in all.
E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def check_setting() -> None:
    """Raise `InvalidSetting` if `CALLER_ID_FORM` has an unknown value."""
    if config.CALLER_ID_FORM not in FORMS:
        raise config.InvalidSetting("CALLER_ID_FORM must be `phone` or empty")


def normalise(caller_id: str, field: str) -> str:
    """Return the id under which a caller's tickets are stored.

    The id is in Unicode's normal form C, without white space at its ends. The words for a withheld
    number are in lower case. With `CALLER_ID_FORM=phone`, every other id is an E.164 number.

    Args:
        caller_id: The id as a client sent it.
        field: The name of the field or header, for the error.

    Raises:
        InvalidField: The id has a control or format character, is too long in normal form C, or is
            not a phone number.
    """
    text = unicodedata.normalize("NFC", caller_id).strip()
    if config.CALLER_ID_FORM == "phone":
        text = characters.without_ignorable(text).strip()
    if is_withheld(text):
        return text.lower()
    if config.CALLER_ID_FORM == "phone":
        return _phone_number(text, field)
    if any(unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp") for each in text):
        raise InvalidField(
            field,
            "must not contain control characters or invisible format characters",
            "Remove them and send the id again.",
        )
    if len(text) > MAX_CALLER_ID_CHARACTERS:
        raise InvalidField(
            field,
            f"must have at most {MAX_CALLER_ID_CHARACTERS} characters in Unicode's normal form C,"
            f" but it has {len(text)}",
            "Send a shorter ID of the caller.",
        )
    return text


def is_withheld(caller_id: str) -> bool:
    """Return whether the id stands for callers whose number is withheld."""
    return caller_id.lower() in WITHHELD


def whose_tickets(caller_id: str) -> list[str]:
    """Return the caller ids whose tickets this caller may reach by their number.

    Callers with a withheld number cannot be told apart, so they reach each other's tickets.
    """
    return sorted(WITHHELD) if is_withheld(caller_id) else [caller_id]


def stored_ids(caller_id: str) -> list[str]:
    """Return the ids under which tickets of a caller can be stored: normalised, and as given.

    Release 0.1 did not normalise ids.
    """
    try:
        return [*dict.fromkeys((normalise(caller_id, "caller_id"), caller_id))]
    except InvalidField:
        return [caller_id]


def skeleton(caller_id: str) -> str:
    """Return the letters and digits of an id, by which similar ids are found.

    Case, accents, separators, `tel:` and the zeros before a phone number make no difference.
    """
    text = unicodedata.normalize("NFKD", caller_id).casefold().strip().removeprefix("tel:")
    letters = (each for each in text if each.isalnum())
    joined = "".join(str(unicodedata.decimal(each, each)) for each in letters)
    return (joined.lstrip("0") or joined) if joined.isdecimal() else joined


def _phone_number(text: str, field: str) -> str:
    # NFKC turns full-width characters into ordinary ones.
    text = unicodedata.normalize("NFKC", text)
    digits = PHONE_SEPARATORS.sub("", re.sub(r"^tel:", "", text, flags=re.IGNORECASE))
    number = "".join(str(unicodedata.decimal(each, each)) for each in digits)
    number = re.sub(r"^00", "+", number)
    if TRUNK_PREFIX in text or not E164.fullmatch(number):
        raise InvalidField(
            field,
            "must be a phone number with its country code, such as +15550100",
            "Add the country code and leave out a 0 in parentheses, or send `anonymous` for a"
            " withheld number.",
        )
    return number
