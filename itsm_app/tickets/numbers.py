"""Ticket numbers: 12 digits that are easy to say on the phone. The last digit is a check digit.

The first 11 digits are random, or a hash of caller and idempotency key. H. Michael Damm's algorithm
("Total anti-symmetrische Quasigruppen", thesis, Marburg 2004) computes the check digit. The check
digit detects every single wrong digit and every swap of two neighbouring digits.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from secrets import randbelow
from uuid import UUID, uuid5

from .errors import InvalidField, MisheardNumber

DIGITS = 12
# How many ticket numbers exist. The check digit follows from the first 11 digits.
NUMBERS = 10 ** (DIGITS - 1)
# The id of a ticket is the UUID of its number in this namespace (RFC 9562, section 5.5). The
# namespace was generated at random once and must never change.
NAMESPACE = UUID("5b7c4dd6-2f0a-4b57-9c6e-0d3f4a1c8e21")
# How many numbers are tried for one ticket. With 100,000 tickets, a number is already taken with a
# probability of one in a million.
CANDIDATES = 8
# A text with more digits is treated as an id, not as a mistyped number.
MAX_DIGITS = 2 * DIGITS
# The separators that people write and that speech recognition adds.
SEPARATORS = re.compile(r"[-\u2010-\u2015.,/#\s]")

UUID_TEXT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)

# The table of Damm's algorithm.
DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def candidates(caller_id: str, idempotency_key: str | None) -> Iterator[str]:
    """Yield the numbers to try for a new ticket, 12 digits each.

    With an idempotency key, the numbers depend on caller and key only, so a repeated request finds
    its ticket. Without a key, the numbers are random.
    """
    for attempt in range(CANDIDATES):
        if idempotency_key is None:
            number = randbelow(NUMBERS)
        else:
            seed = f"{caller_id}\0{idempotency_key}\0{attempt}".encode()
            number = int.from_bytes(hashlib.sha256(seed).digest()) % NUMBERS
        first_digits = f"{number:0{DIGITS - 1}}"
        yield first_digits + str(_damm(first_digits))


def ticket_id(number: str) -> str:
    """Return the id of the ticket with this number, given as 12 digits."""
    return str(uuid5(NAMESPACE, number))


def written(number: str) -> str:
    """Return a number of 12 digits in the form for reading and writing: `1234-5678-9012`."""
    return f"{number[:4]}-{number[4:8]}-{number[8:]}"


def spoken(written: str) -> str:
    """Return a number for a speech engine, which then reads digit by digit.

    Args:
        written: A number as `written` returns it. `1234-5678-9012` becomes
            `1 2 3 4, 5 6 7 8, 9 0 1 2`.
    """
    return ", ".join(map(" ".join, written.split("-")))


def to_ticket_id(text: str) -> str:
    """Return the ticket id for a reference, as people type and paste it.

    An id can be in upper case. A number can have separators, invisible format characters, and the
    decimal digits of any script. Any other text is returned unchanged, as an id.

    Raises:
        InvalidField: The text is empty.
        MisheardNumber: The text consists of up to 24 digits and is not a ticket number.
    """
    if not text:
        raise InvalidField(
            "ticket_id",
            "is missing: it must be the ID or the number of a ticket",
            "Ask the caller for the ticket number, or list the caller's tickets.",
        )
    visible = "".join(each for each in text if unicodedata.category(each) != "Cf").strip()
    if UUID_TEXT.fullmatch(visible):
        return visible.lower()
    digits = SEPARATORS.sub("", visible)
    if not digits.isdecimal() or len(digits) > MAX_DIGITS:
        return text
    digits = "".join(str(unicodedata.decimal(each)) for each in digits)
    if len(digits) != DIGITS or _damm(digits) != 0:
        raise MisheardNumber(len(digits))
    return ticket_id(digits)


def _damm(digits: str) -> int:
    """Return the check digit of these digits, or 0 if the last digit is the right check digit."""
    interim = 0
    for digit in digits:
        interim = DAMM[interim][int(digit)]
    return interim
