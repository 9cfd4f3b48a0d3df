"""Keep the search index equal to the tickets, one change after another.

The function `apply` is the only writer of postings. It stores the tokens of a ticket before it
writes their postings, and removes them after it has deleted the postings. So the stored tokens
always contain those of all postings, and every step can be repeated: whenever a process is killed,
the repetition of the change completes the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..storage import search_index
from ..storage.models import Ticket
from ..storage.search_index import Place
from . import tokens

# The attribute of a ticket by which a rebuild makes the change stream repeat the ticket.
REBUILD = "search_rebuild"


class Indexed(NamedTuple):
    """What the search index has of one state of a ticket.

    Attributes:
        place: Where the postings are.
        tokens: The tokens of the postings.
        rebuild: The last rebuild that reached the ticket.
    """

    place: Place
    tokens: set[str]
    rebuild: str | None = None


def indexed(ticket: Ticket, rebuild: str | None = None) -> Indexed:
    """Return what the search index must have of a ticket."""
    words = {token for _, text in texts(ticket) for token in tokens.of_text(text)}
    numbers = {
        token
        for each in (ticket.caller_id, ticket.ticket_number or "")
        for token in tokens.of_number(each)
    }
    place = Place.of(ticket.ticket_id, ticket.created_at)
    return Indexed(place, words | numbers, rebuild)


def texts(ticket: Ticket) -> Iterator[tuple[str, str]]:
    """Yield what people said and wrote, oldest first: the kind and the text."""
    yield "description", ticket.issue_description
    for comment in ticket.comments:
        yield "comment", comment["comment_text"]
    for note in ticket.notes or ():
        yield "note", note["comment_text"]
    for handover in ticket.handovers or ():
        for field in ("reason", "summary"):
            yield "handover", handover.get(field, "")


def apply(old: Indexed | None, new: Indexed | None) -> None:
    """Change the search index from one state of a ticket to the next.

    Args:
        old: The state before. None if the ticket is new.
        new: The state after. None if the ticket was deleted.

    Raises:
        StorageUnavailable: DynamoDB failed. Repeat the call.
    """
    if old and (new is None or old.place != new.place):
        # The place differs if an expired ticket was replaced by a new ticket with the same id.
        _remove(old)
        old = None
    if new is None:
        return
    before, after = old.tokens if old else set(), new.tokens
    is_rebuild = bool(new.rebuild and (not old or old.rebuild != new.rebuild))
    if before == after and not is_rebuild:
        return
    possible = search_index.add_tokens(
        new.place, after or before, new.rebuild if is_rebuild else None
    )
    added = after if is_rebuild else after - before
    search_index.write_postings(new.place, put=added, delete=possible - after)
    if possible - after:
        search_index.remove_tokens(new.place, possible - after)


def remove(ticket_id: str) -> None:
    """Delete all postings of a ticket that does not exist any more."""
    for place, item in search_index.tokens_of(ticket_id).items():
        _remove(Indexed(place, item.tokens or set()))


def _remove(old: Indexed) -> None:
    if old.tokens:
        # The response has all stored tokens. One token keeps the request small: the tokens of `old`
        # may never have been stored, because they were too many.
        possible = search_index.add_tokens(old.place, [min(old.tokens)], None)
        search_index.write_postings(old.place, put=(), delete=possible)
    search_index.delete_tokens(old.place)
