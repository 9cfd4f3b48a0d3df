"""Search for tickets, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ..storage import items, search_index
from ..storage.models import Ticket
from ..storage.search_index import Place
from ..tickets import callers, cursors
from ..tickets.errors import InvalidField
from ..tickets.limits import DEFAULT_PAGE_TICKETS
from . import matches, tokens
from .candidates import NEWEST, Candidates
from .matches import Match
from .tokens import Term

# How many tokens of a query are looked up in the search index. The tickets that have these tokens
# are read, and must have all terms.
MAX_LOOKUPS = 4
# How many times one search reads tickets at most, a page of results each time.
MAX_READS = 4

# "Service, account, and table quotas" in the DynamoDB Developer Guide: sort key length.
MAX_POSITION_BYTES = 1024


class Result(NamedTuple):
    """A ticket that was found, and where it has the terms of the query."""

    ticket: Ticket
    matches: list[Match]


class Page(NamedTuple):
    """The results of a page, newest ticket first.

    Attributes:
        results: The results. There can be none although older tickets match, see `cursor`.
        cursor: The cursor of the next page, or None if there are no more results.
    """

    results: list[Result]
    cursor: str | None


def search(text: str, limit: int = DEFAULT_PAGE_TICKETS, cursor: str | None = None) -> Page:
    """Return a page of the tickets that have all words and numbers of a text.

    With `CALLER_SECRET`, the text can also be the plain id of a caller. Expired tickets are left
    out. The search index follows the tickets by a moment.

    Args:
        text: What to search for.
        limit: How many results a page has at most.
        cursor: The cursor of this page, or None for the first page.

    Raises:
        InvalidField: The text has no letters and digits, or the cursor was altered or belongs to
            another query.
        StorageUnavailable: DynamoDB failed.
    """
    terms = tokens.of_query(text)
    if not terms:
        raise InvalidField(
            "q",
            "must have a letter or a digit",
            "Search for words, for a ticket number or for a caller.",
        )
    key = [each.text for each in terms]
    before = _position(cursor, key) if cursor else NEWEST
    pseudonym = _pseudonym(text)
    alternative = pseudonym and tokens.of_query(pseudonym)[0].text
    candidates = Candidates(_lookups(terms), before, alternative)
    positions = iter(candidates)
    results: list[Result] = []
    last = before
    for _ in range(MAX_READS):
        wanted = limit + 1 - len(results)
        chunk = [*islice(positions, wanted)]
        for position, result in _verified(chunk, terms, pseudonym):
            if len(results) == limit:
                return Page(results, cursors.encode(last, "search", *key))
            results.append(result)
            last = position
        if len(chunk) < wanted:
            break
    reached = candidates.reached
    return Page(results, cursors.encode(reached, "search", *key) if reached else None)


def _position(cursor: str, key: Sequence[str]) -> str:
    position = cursors.decode(cursor, "search", *key)
    # DynamoDB rejects other lengths, which a forged cursor can have.
    if position is None or not 0 < len(position.encode()) <= MAX_POSITION_BYTES:
        raise cursors.invalid(cursor)
    return position


def _pseudonym(text: str) -> str | None:
    """Return the pseudonym of the caller whose plain id the text is, or None."""
    try:
        normal_id = callers.normalise(text, "q")
    except InvalidField:
        return None
    stored = callers.to_stored(normal_id)
    return None if stored == normal_id else stored


def _lookups(terms: Sequence[Term]) -> list[str]:
    """Return the longest tokens of the terms, because these are the rarest."""
    found = dict.fromkeys(token for term in terms for token in term.tokens)
    return sorted(found, key=len, reverse=True)[:MAX_LOOKUPS]


def _verified(
    positions: Sequence[str], terms: Sequence[Term], pseudonym: str | None
) -> Iterator[tuple[str, Result]]:
    """Yield the positions whose tickets have all terms or this caller, with the results."""
    ids = {each: search_index.ticket_id_at(each) for each in positions}
    tickets = items.find_many(set(ids.values())) if ids else {}
    for position, ticket_id in ids.items():
        ticket = tickets.get(ticket_id)
        # An expired ticket can have been replaced by a newer ticket with the same id.
        if ticket and Place.of(ticket_id, ticket.created_at).position == position:
            found = matches.find(ticket, terms, pseudonym)
            if found:
                yield position, Result(ticket, found)
