"""Find payment card numbers, written in digits or spoken as digit words.

A card number has the first digits and the length of an issuer, and a valid check digit. It begins
and ends where a group of digits begins and ends. The time is linear in the length of the text: each
group of digits is the beginning of at most seven candidates, and a candidate takes constant time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

REPLACEMENT = "[card]"

MIN_DIGITS, MAX_DIGITS = 13, 19
# The first and last prefix of each range, and the lengths of its numbers (ISO/IEC 7812 and the
# issuers' documents). Maestro numbers of 12 digits are left out: ticket numbers have 12 digits.
ISSUERS: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({13, 16, 19})),  # Visa
    ("51", "55", frozenset({16})),  # Mastercard
    ("2221", "2720", frozenset({16})),  # Mastercard
    ("34", "34", frozenset({15})),  # American Express
    ("37", "37", frozenset({15})),  # American Express
    ("6011", "6011", frozenset(range(16, 20))),  # Discover
    ("644", "659", frozenset(range(16, 20))),  # Discover
    ("300", "305", frozenset(range(14, 20))),  # Diners Club
    ("3095", "3095", frozenset(range(14, 20))),  # Diners Club
    ("36", "36", frozenset(range(14, 20))),  # Diners Club
    ("38", "39", frozenset(range(14, 20))),  # Diners Club
    ("3528", "3589", frozenset(range(16, 20))),  # JCB
    ("50", "50", frozenset(range(13, 20))),  # Maestro
    ("56", "58", frozenset(range(13, 20))),  # Maestro
    ("63", "63", frozenset(range(13, 20))),  # Maestro
    ("67", "67", frozenset(range(13, 20))),  # Maestro
    ("62", "62", frozenset(range(16, 20))),  # UnionPay
)

DIGIT_WORDS = {
    word: digit
    for digit, words in {
        "0": "zero oh o nought null",
        "1": "one eins ein",
        "2": "two zwei zwo",
        "3": "three drei",
        "4": "four vier",
        "5": "five fünf fuenf",
        "6": "six sechs",
        "7": "seven sieben",
        "8": "eight acht",
        "9": "nine niner neun",
    }.items()
    for word in words.split()
}
REPEATS = {"double": 2, "doppel": 2, "doppelt": 2, "zweimal": 2}
REPEATS |= {"triple": 3, "treble": 3, "dreifach": 3, "dreimal": 3}
# Words that people say between digits.
FILLERS = frozenset(
    {
        *("and", "then", "dash", "hyphen", "space", "uh", "um"),
        *("und", "dann", "die", "strich", "bindestrich", "minus", "leerzeichen", "äh", "ähm"),
    }
)

# Invisible characters count as separators. A combining mark belongs to its letter.
SEPARATOR = r"\s\-._,/\xad\u200b-\u200f\u2010-\u2015\u2060\u2212\ufeff"
TOKEN = re.compile(
    rf"(?P<digits>\d+)|(?P<word>[^\W\d_][^\W\d_\u0300-\u036f]*(?:[\u0300-\u036f]+[^\W\d_]*)*)"
    rf"|(?P<separator>[{SEPARATOR}]+)|(?P<other>.)",
    re.DOTALL,
)
MAX_SEPARATOR = 3

# Numbers that are no card numbers, although a part of them can look like a card number.
UUID = r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"
TICKET_NUMBER = r"(?<!\d)(?<!\d[-. ])\d{4}(?P<s>[-. ])\d{4}(?P=s)\d{4}(?!\d|(?P=s)\d)"
IBAN = r"(?<!\w)[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)"
OTHER_NUMBER = re.compile(f"{UUID}|{TICKET_NUMBER}|(?P<iban>{IBAN})")
MAX_PHONE_DIGITS = 15


class Group(NamedTuple):
    """Digits that belong together: a run of digits, or one spoken digit or its repetition."""

    digits: str
    start: int
    end: int
    is_spoken: bool
    separator: str
    """What separates the group from the one before."""


def replace(text: str) -> str:
    """Return the text with `[card]` in place of each payment card number."""
    parts, done = [], 0
    for start, end in _spans(text):
        parts += [text[done:start], REPLACEMENT]
        done = end
    return "".join([*parts, text[done:]])


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of the text to replace.

    Card numbers that overlap are one part. Otherwise, a number that is a card number by chance
    could leave the rest of the real one.
    """
    if len(text) < MIN_DIGITS:
        return
    for chain in _chains(text):
        start = end = -1
        for first, last in _cards(text, chain):
            if first >= end:
                if end > 0:
                    yield start, end
                start = first
            end = max(end, last)
        if end > 0:
            yield start, end


def _cards(text: str, chain: list[Group]) -> Iterator[tuple[int, int]]:
    """Yield the beginning and the end of each card number in groups that follow each other."""
    digits = "".join(group.digits for group in chain)
    if len(digits) < MIN_DIGITS or _is_phone_number(text, chain, len(digits)):
        return
    # Two running sums of the Luhn algorithm: one doubles the digits with even positions, the other
    # those with odd positions.
    sums = [
        [0, *accumulate(_luhn(digit, i % 2 == odd) for i, digit in enumerate(digits))]
        for odd in (0, 1)
    ]
    ends = {position: i for i, position in enumerate(accumulate(len(g.digits) for g in chain))}
    begin = 0
    for i, group in enumerate(chain):
        for length in _lengths(digits[begin : begin + 4]):
            end = begin + length
            total = sums[end % 2]
            if end in ends and (total[end] - total[begin]) % 10 == 0:
                last = ends[end]
                if _is_one_number(chain[i : last + 1]):
                    yield group.start, chain[last].end
        begin += len(group.digits)


def _luhn(digit: str, is_doubled: bool) -> int:
    value = int(digit) * (1 + is_doubled)
    return value - 9 if value > 9 else value


def _lengths(prefix: str) -> list[int]:
    """Return the lengths of the card numbers that begin with these four digits."""
    return sorted(
        {
            length
            for first, last, lengths in ISSUERS
            if first <= prefix[: len(first)] <= last
            for length in lengths
        }
    )


def _is_one_number(groups: list[Group]) -> bool:
    """Return whether the groups can be one number, and not a list of amounts or dates.

    In a written number, the same separator is between all groups, or the groups are those that are
    printed on cards.
    """
    if any(group.is_spoken for group in groups):
        return True
    sizes = [len(group.digits) for group in groups]
    is_printed = sizes[:1] == [4] and (
        sizes[1:] in ([6, 5], [6, 4]) or ({*sizes[:-1]} == {4} and sizes[-1] <= 4)
    )
    return is_printed or len({group.separator for group in groups[1:]}) <= 1


def _is_phone_number(text: str, chain: list[Group], digits: int) -> bool:
    start = chain[0].start
    if text[max(start - 1, 0) : start] == "+":
        return digits <= MAX_PHONE_DIGITS
    return chain[0].digits.startswith("00") and digits <= MAX_PHONE_DIGITS + len("00")


def _chains(text: str) -> Iterator[list[Group]]:
    """Yield the longest lists of groups of digits with only separators and fillers between them."""
    chain: list[Group] = []
    for group in _groups(text):
        if group is None:
            if chain:
                yield chain
            chain = []
        else:
            chain.append(group)
    if chain:
        yield chain


def _groups(text: str) -> Iterator[Group | None]:
    """Yield the groups of digits, and None where something else stands between two of them."""
    skipped = iter([*_other_numbers(text), (len(text), len(text))])
    skip_start, skip_end = next(skipped)
    separator, repeat = "", None
    for token in TOKEN.finditer(text):
        start, end = token.span()
        while start >= skip_end < len(text):
            skip_start, skip_end = next(skipped)
        kind, content = token.lastgroup, token[0]
        digits, is_spoken = content, False
        if kind == "word":
            content = unicodedata.normalize("NFC", content).casefold()
            digits, is_spoken = _spoken(content), True
        if skip_start <= start < skip_end:
            kind = "other"
        if kind == "separator" and len(content) <= MAX_SEPARATOR:
            separator += "".join(content.split()) or " "
        elif kind == "word" and content in FILLERS:
            separator = content
        elif kind == "word" and content in REPEATS:
            repeat = REPEATS[content], start
        elif kind in ("digits", "word") and digits:
            digits = "".join(str(unicodedata.decimal(each)) for each in digits)
            if repeat is not None and len(digits) == 1:
                digits, start, is_spoken = digits * repeat[0], repeat[1], True
            yield Group(digits, start, end, is_spoken, separator)
            separator, repeat = "", None
        else:
            yield None
            separator, repeat = "", None


def _spoken(word: str) -> str:
    """Return the digits that a word stands for, or nothing. "doppelvier" is one word."""
    rest = word.removeprefix("doppel")
    return DIGIT_WORDS.get(rest, "") * (1 if rest == word else 2)


def _other_numbers(text: str) -> Iterator[tuple[int, int]]:
    for match in OTHER_NUMBER.finditer(text):
        if match["iban"] is None or _is_iban(match["iban"].replace(" ", "")):
            yield match.span()


def _is_iban(text: str) -> bool:
    """Return whether the check digits of an IBAN are valid (ISO 13616)."""
    return int("".join(str(int(each, 36)) for each in text[4:] + text[:4])) % 97 == 1
