"""Caller ids. They are normalised, so that each caller has one id.

With `CALLER_SECRET`, the table has no caller id, but a pseudonym that only this secret can compute:
HMAC-SHA256 of the normalised id (RFC 2104). Without a secret, whoever can read the table could hash
every phone number and compare.
"""

from __future__ import annotations

import hmac
import re
import unicodedata

from .. import config
from . import characters
from .errors import InvalidField
from .limits import MAX_CALLER_ID_CHARACTERS, MIN_SECRET_CHARACTERS

# What telephone systems send for a caller whose number is withheld.
WITHHELD = frozenset({"anonymous", "unknown", "restricted"})
FORMS = ("", "phone")
PSEUDONYM = re.compile(r"caller[0-9a-f]{64}")

# Separators that people and systems write in a phone number.
PHONE_SEPARATORS = re.compile(r"[\s()\[\].\-/\\_\xb7\u2010-\u2015\u2044\u2212\u30fb\u30fc]")
# A trunk prefix, as in +44 (0)20. Some countries dial the 0 after the country code, others do not.
TRUNK_PREFIX = "(0)"
# E.164: a country code that does not begin with 0, and at most 15 digits in all.
E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def check_settings() -> None:
    """Raise `InvalidSetting` if `CALLER_ID_FORM` is unknown or `CALLER_SECRET` is too short."""
    if config.CALLER_ID_FORM not in FORMS:
        raise config.InvalidSetting("CALLER_ID_FORM must be `phone` or empty")
    if 0 < len(config.CALLER_SECRET) < MIN_SECRET_CHARACTERS:
        raise config.InvalidSetting(
            f"CALLER_SECRET must have at least {MIN_SECRET_CHARACTERS} characters, or be"
            " empty. Create a secret with `openssl rand -hex 32`"
        )


def normalise(caller_id: str, field: str) -> str:
    """Return the one form of a caller's id. A pseudonym stays as it is.

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
    if is_pseudonym(text):
        return text
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


def to_stored(normal_id: str) -> str:
    """Return the form in which a normalised id is stored.

    Without `CALLER_SECRET`, this is the id itself. With it, this is a pseudonym, except for the
    words for a withheld number.
    """
    if not config.CALLER_SECRET or is_withheld(normal_id) or is_pseudonym(normal_id):
        return normal_id
    # An environment variable can have bytes that are not UTF-8.
    secret = config.CALLER_SECRET.encode(errors="surrogateescape")
    return "caller" + hmac.digest(secret, normal_id.encode(), "sha256").hex()


def is_pseudonym(caller_id: str) -> bool:
    """Return whether the id is a pseudonym. Without `CALLER_SECRET`, every id is an ordinary id."""
    return bool(config.CALLER_SECRET and PSEUDONYM.fullmatch(caller_id))


def is_withheld(caller_id: str) -> bool:
    """Return whether the id stands for callers whose number is withheld."""
    return caller_id.lower() in WITHHELD


def whose_tickets(caller_id: str) -> list[str]:
    """Return the caller ids whose tickets this caller may reach by their number.

    Callers with a withheld number cannot be told apart, so they reach each other's tickets.
    """
    return sorted(WITHHELD) if is_withheld(caller_id) else [caller_id]


def stored_ids(caller_id: str) -> list[str]:
    """Return the ids under which tickets of a caller can be stored.

    These are the pseudonym if there is a `CALLER_SECRET`, the normalised id, under which tickets
    were stored before there was a secret, and the id as given, because release 0.1 did not
    normalise ids.
    """
    try:
        normal_id = normalise(caller_id, "caller_id")
    except InvalidField:
        return [caller_id]
    return [*dict.fromkeys((to_stored(normal_id), normal_id, caller_id))]


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
