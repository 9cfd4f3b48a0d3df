"""Caller ids. They are normalised, so that each caller has one id."""

from __future__ import annotations

import re
import unicodedata

from .. import config
from .errors import InvalidField

# What telephone systems send for a caller whose number is withheld.
WITHHELD = frozenset({"anonymous", "unknown", "restricted"})
FORMS = ("", "phone")

# Separators that people and systems write in a phone number.
PHONE_SEPARATORS = re.compile(r"[\s().\-/\u2010-\u2015]")
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
        InvalidField: The id has a control or format character, or is not a phone number.
    """
    text = unicodedata.normalize("NFC", caller_id).strip()
    if is_withheld(text):
        return text.lower()
    if config.CALLER_ID_FORM == "phone":
        return _phone_number(text, field)
    if any(unicodedata.category(character) in ("Cc", "Cf") for character in text):
        raise InvalidField(
            field,
            "must not contain control characters or invisible format characters",
            "Remove them and send the id again.",
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


def _phone_number(text: str, field: str) -> str:
    # NFKC turns full-width characters into ordinary ones.
    text = unicodedata.normalize("NFKC", text)
    visible = "".join(each for each in text if unicodedata.category(each) != "Cf")
    digits = PHONE_SEPARATORS.sub("", re.sub(r"^tel:", "", visible, flags=re.IGNORECASE))
    number = "".join(str(unicodedata.decimal(each, each)) for each in digits)
    number = re.sub(r"^00", "+", number)
    if not E164.fullmatch(number):
        raise InvalidField(
            field,
            "must be a phone number with its country code, such as +15550100",
            "Add the country code, or send `anonymous` for a withheld number.",
        )
    return number
