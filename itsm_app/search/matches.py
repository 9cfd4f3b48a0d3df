"""Where a ticket has the terms of a query, for the results of a search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..storage.models import Ticket
from . import tokens
from .indexing import texts
from .tokens import Term

# How many matches a result shows, and how long the text of each is at most, in characters.
MAX_MATCHES = 3
MAX_CHARACTERS = 160
# How much of the text is shown before the first term.
CHARACTERS_BEFORE = 40

Span = tuple[int, int]


class Match(NamedTuple):
    """A part of a ticket that has at least one term.

    Attributes:
        found_in: `number`, `caller`, `description`, `comment`, `note` or `handover`.
        text: The part of the text around the first term.
        highlights: Where the terms are in `text`: start, and end exclusive, in characters.
    """

    found_in: str
    text: str
    highlights: list[Span]


def find(ticket: Ticket, terms: Sequence[Term], pseudonym: str | None = None) -> list[Match]:
    """Return the first matches of a ticket, or none if the ticket does not have all terms.

    A ticket with the caller `pseudonym` needs no terms.
    """
    if pseudonym is not None and ticket.caller_id == pseudonym:
        return [_match("caller", pseudonym, [(0, len(pseudonym))])]
    missing = set(terms)
    matches: list[Match] = []
    for found_in, text in _sources(ticket):
        spans = _spans(text, terms, is_number=found_in in ("number", "caller"))
        missing -= spans.keys()
        if spans and len(matches) < MAX_MATCHES:
            highlights = _merged(span for each in spans.values() for span in each)
            matches.append(_match(found_in, text, highlights))
    return [] if missing else matches


def _sources(ticket: Ticket) -> Iterator[tuple[str, str]]:
    yield "number", ticket.ticket_number or ""
    yield "caller", ticket.caller_id
    yield from texts(ticket)


def _spans(text: str, terms: Sequence[Term], is_number: bool) -> dict[Term, list[Span]]:
    """Return where the terms are in a text. Terms that are not in the text have no entry."""
    places: defaultdict[str, list[Span]] = defaultdict(list)
    for token, start, end in tokens.find(text, is_number=is_number):
        places[token].append((start, end))
    folded = tokens.fold(text)
    spans = {}
    for term in terms:
        if term.text in term.tokens:
            found = places.get(term.text, [])
        else:
            found = [*_occurrences(folded, term.text)]
        if found:
            spans[term] = found
    return spans


def _occurrences(folded: tokens.Folded, text: str) -> Iterator[Span]:
    start = folded.text.find(text)
    while start >= 0:
        end = start + len(text)
        yield folded.starts[start], folded.ends[end - 1]
        start = folded.text.find(text, end)


def _merged(spans: Iterator[Span]) -> list[Span]:
    """Return spans in order. Those that overlap or touch become one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def _match(found_in: str, text: str, highlights: Sequence[Span]) -> Match:
    """Return the part of a text around the first highlight, with white space as spaces."""
    start = max(0, highlights[0][0] - CHARACTERS_BEFORE)
    if start:
        # Begin after a space, if there is one before the term.
        start = text.find(" ", start, highlights[0][0]) + 1 or start
    end = min(len(text), start + MAX_CHARACTERS)
    before, after = "…" if start else "", "…" if end < len(text) else ""
    part = "".join(" " if each.isspace() else each for each in text[start:end])
    shift = len(before) - start
    shown = [(first + shift, min(last, end) + shift) for first, last in highlights if first < end]
    return Match(found_in, f"{before}{part}{after}", shown)
