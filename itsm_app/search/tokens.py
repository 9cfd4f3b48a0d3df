"""Split texts into tokens, which the search index contains and which queries look for.

A token is a word or a number, and two texts match if they have the same token. Case, accents and
width make no difference. In scripts that put no spaces between words, and in Korean, whose words
have endings, each character and each pair of neighbours is a token.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import groupby, pairwise
from typing import NamedTuple

# A longer word is cut off, in texts and in queries.
MAX_TOKEN_CHARACTERS = 40
# Suffixes of a number with this many digits or more are tokens: people say the last four digits.
MIN_SUFFIX_DIGITS = 4
# From this many digits on, a number in a text counts as a phone number or ticket number. Shorter
# local phone numbers exist, but so do years, amounts and model numbers.
MIN_NUMBER_DIGITS = 7
# E.164: the longest phone number. Of a longer number, only the last digits get suffixes.
MAX_NUMBER_DIGITS = 15

# The blocks of Unicode 16 with scripts that are split into characters: Thai, Lao, Myanmar, Khmer,
# Hangul, Japanese, Chinese, Yi and their extensions.
UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029"
    r"\u3031-\u3035\u3040-\u312f\u3130-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f"
    r"\U00020000-\U000323af]"
)
# Accents of the Latin, Greek and Cyrillic scripts, the optional vowel marks of Hebrew and Arabic,
# and what only changes how a word looks: soft hyphens, the tatweel and variation selectors. Marks
# of other scripts make other letters, as the voiced marks of Japanese do.
IGNORED = re.compile(
    r"[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u064b-\u065f\u0670"
    r"\u00ad\u0640\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
# Letters whose usual transcription has no decomposition in Unicode.
LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "\u0131": "i", "æ": "ae", "œ": "oe", "ð": "d"}
)
# A number as people write it, with separators between digits: with spaces, and without.
NUMBER = re.compile(r"[0-9](?:[ .()/\-\u2010-\u2015\u2212]{0,3}[0-9])*", re.ASCII)
NUMBER_WITHOUT_SPACES = re.compile(r"[0-9](?:[.()/\-\u2010-\u2015\u2212]{0,3}[0-9])*", re.ASCII)
# A trunk prefix, as in +44 (0)20, is no part of the number that people dial.
TRUNK_PREFIX = "(0)"
ASCII_WORD = re.compile(r"[a-z0-9]+", re.ASCII)


class Folded(NamedTuple):
    """A text without differences of case, accents and width.

    Attributes:
        text: The folded text.
        starts: For each character of `text`, where it comes from: an index of the original text.
        ends: The same for the end, exclusive.
    """

    text: str
    starts: list[int] | range
    ends: list[int] | range


class Token(NamedTuple):
    """A token of a text, with its place in the original text: start, and end exclusive."""

    token: str
    start: int
    end: int


class Term(NamedTuple):
    """One word, number or run of unspaced characters of a query.

    Attributes:
        tokens: The tokens that a ticket must have.
        text: The folded text, which a ticket must contain as a whole if there are several tokens.
    """

    tokens: tuple[str, ...]
    text: str


def of_text(text: str) -> set[str]:
    """Return the tokens of a text. Phone numbers and ticket numbers in it have all suffixes."""
    return {each.token for each in find(text)}


def of_number(text: str) -> set[str]:
    """Return the tokens of a caller id or a ticket number. Numbers of any length have suffixes."""
    return {each.token for each in find(text, is_number=True)}


def find(text: str, is_number: bool = False) -> Iterator[Token]:
    """Yield the tokens of a text, with their places. See `of_text` and `of_number`."""
    folded = fold(text)
    for kind, start, end in _runs(folded.text):
        if kind == "word":
            token = folded.text[start:end][:MAX_TOKEN_CHARACTERS]
            yield Token(token, folded.starts[start], folded.ends[end - 1])
        else:
            for length in (1, 2):
                for first in range(start, end - length + 1):
                    last = first + length
                    token = folded.text[first:last]
                    yield Token(token, folded.starts[first], folded.ends[last - 1])
    min_digits = MIN_SUFFIX_DIGITS if is_number else MIN_NUMBER_DIGITS
    # In "2026-11-25 10:30", people look for "2026-11-25", and in "555 0100" for "5550100".
    for pattern in (NUMBER, NUMBER_WITHOUT_SPACES):
        for start, end, digits in _numbers(pattern, folded.text, min_digits):
            place = folded.starts[start], folded.ends[end - 1]
            yield from (Token(each, *place) for each in _suffixes(digits))


def of_query(text: str) -> list[Term]:
    """Return the terms of a query, each once, in the order of the text.

    A phone number or a ticket number is one term, whatever its separators are. It matches the end
    of a number, so zeros at its beginning, as in national numbers, make no difference.
    """
    folded = fold(text).text
    terms: dict[str, Term] = {}
    position = 0
    for start, end, digits in _numbers(NUMBER, folded, MIN_NUMBER_DIGITS):
        terms |= _terms(folded[position:start])
        position = end
        token = digits.lstrip("0")[-MAX_NUMBER_DIGITS:]
        # A number that consists of zeros has no other suffix.
        token = token if len(token) >= MIN_SUFFIX_DIGITS else digits[-MAX_NUMBER_DIGITS:]
        terms[token] = Term((token,), token)
    terms |= _terms(folded[position:])
    return [*terms.values()]


def fold(text: str) -> Folded:
    """Return a text without differences of case, accents and width."""
    if text.isascii():
        places = range(len(text))
        return Folded(text.lower(), places, range(1, len(text) + 1))
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        cluster = _fold_cluster(text[start:end])
        characters += cluster
        starts += [start] * len(cluster)
        ends += [end] * len(cluster)
    return Folded("".join(characters), starts, ends)


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each character with its combining marks begins and ends."""
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not _is_mark(text[end]):
            yield start, end
            start = end


@cache
def _is_mark(character: str) -> bool:
    # U+FF9E and U+FF9F are the voiced marks of half-width Japanese. Hangul syllables consist of a
    # leading consonant and what follows it here.
    return (
        unicodedata.category(character) in ("Mn", "Mc", "Me")
        or character in "\uff9e\uff9f"
        or "\u1160" <= character <= "\u11ff"
    )


# There is no limit to the number of different clusters.
@lru_cache(4096)
def _fold_cluster(cluster: str) -> str:
    folded = unicodedata.normalize("NFKC", cluster).casefold().translate(LETTERS)
    parts = IGNORED.sub("", unicodedata.normalize("NFKD", folded))
    digits = "".join(str(unicodedata.decimal(each, each)) for each in parts)
    return unicodedata.normalize("NFKC", digits)


def _runs(folded: str) -> Iterator[tuple[str, int, int]]:
    """Yield the kind, the start and the end of each run of characters that belong together."""
    if folded.isascii():
        yield from (("word", *word.span()) for word in ASCII_WORD.finditer(folded))
        return
    start = 0
    for kind, characters in groupby(folded, _kind):
        end = start + sum(1 for _ in characters)
        if kind:
            yield kind, start, end
        start = end


@cache
def _kind(character: str) -> str:
    """Return whether a character belongs to a `word` or is `unspaced`. Empty for separators."""
    is_letter = character.isalnum() or unicodedata.category(character) in ("Mn", "Mc")
    if not is_letter:
        return ""
    return "unspaced" if UNSPACED.match(character) else "word"


def _terms(folded: str) -> dict[str, Term]:
    terms: dict[str, Term] = {}
    for kind, start, end in _runs(folded):
        text = folded[start:end]
        if kind == "word":
            text = text[:MAX_TOKEN_CHARACTERS]
            terms[text] = Term((text,), text)
        else:
            pairs = tuple(dict.fromkeys(map("".join, pairwise(text))))
            terms[text] = Term(pairs or (text,), text)
    return terms


def _numbers(
    pattern: re.Pattern[str], folded: str, min_digits: int
) -> Iterator[tuple[int, int, str]]:
    """Yield the start, the end and the digits of each phone number or ticket number."""
    for number in pattern.finditer(folded):
        digits = _digits(number[0])
        neighbours = (
            folded[max(0, number.start() - 1) : number.start()],
            folded[number.end() : number.end() + 1],
        )
        # A number that is part of a word, such as a serial number, is no phone number.
        is_part = any(each and _kind(each) == "word" for each in neighbours)
        if len(digits) >= min_digits and not is_part:
            yield *number.span(), digits


def _digits(number: str) -> str:
    return "".join(filter(str.isdecimal, number.replace(TRUNK_PREFIX, "")))


def _suffixes(digits: str) -> Iterator[str]:
    digits = digits[-MAX_NUMBER_DIGITS:]
    return (digits[start:] for start in range(len(digits) - MIN_SUFFIX_DIGITS + 1))
