"""Ticket numbers: 12 digits that can be said, and that catch a digit heard wrong.

Eleven can't be guessed in sequence, and the last is the check digit of H. Michael Damm's algorithm
(his thesis "Total anti-symmetrische Quasigruppen", Marburg 2004), which catches every single wrong
digit and every swap of neighbours.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from secrets import randbelow
from uuid import UUID, uuid5

from ..api.errors import InvalidField, MisheardNumber

DIGITS = 12
NUMBERS = 10 ** (DIGITS - 1)
# The id of a ticket is that of its number in this namespace, a UUID of our own: RFC 9562, 5.5.
NAMESPACE = UUID("5b7c4dd6-2f0a-4b57-9c6e-0d3f4a1c8e21")
# How many numbers are tried for a ticket. That one is taken has a chance of one in a million when
# there are 100,000 tickets.
CANDIDATES = 8
# Of what can still be a number with digits too many.
MOST_DIGITS = 2 * DIGITS
# Those of all the ways in which we write a number, and in which people do.
SEPARATORS = re.compile(r"[-\u2010-\u2015.,/#\s]")

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
    """Return the numbers to try for a ticket, one after another, as 12 digits each.

    With a key they are the same for the same caller and key; without one they are random.
    """
    for attempt in range(CANDIDATES):
        if idempotency_key is None:
            number = randbelow(NUMBERS)
        else:
            words = f"{caller_id}\0{idempotency_key}\0{attempt}".encode()
            number = int.from_bytes(hashlib.sha256(words).digest()) % NUMBERS
        eleven = f"{number:0{DIGITS - 1}}"
        yield eleven + str(_damm(eleven))


def ticket_id(number: str) -> str:
    """Return the id of the ticket with this number of 12 digits."""
    return str(uuid5(NAMESPACE, number))


def written(number: str) -> str:
    """Return the 12 digits as people write them, `1234-5678-9012`."""
    return f"{number[:4]}-{number[4:8]}-{number[8:]}"


def spoken(written: str) -> str:
    """Return them as a speech engine should read them, `1 2 3 4, 5 6 7 8, 9 0 1 2`."""
    return ", ".join(map(" ".join, written.split("-")))


def to_ticket_id(text: str) -> str:
    """Return the id for a number, with or without separators, and any other text as it is.

    Raises `InvalidField` for no text, and `MisheardNumber` for digits that are no number.
    """
    if not text:
        raise InvalidField(
            "ticket_id",
            "is missing: it must be the id or the number of a ticket",
            "Ask the caller for the number, or list their tickets.",
        )
    digits = SEPARATORS.sub("", text)
    # A UUID may be all digits too, but of 32.
    if not (digits.isascii() and digits.isdigit()) or len(digits) > MOST_DIGITS:
        return text
    if len(digits) != DIGITS or _damm(digits) != 0:
        raise MisheardNumber(len(digits))
    return ticket_id(digits)


def _damm(digits: str) -> int:
    interim = 0
    for digit in digits:
        interim = DAMM[interim][int(digit)]
    return interim
