"""Merge the comments and the history of a ticket into one list."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

from ..api.response_schemas import Comment, DeskTicket, Event

# The size of the entries on a page that does not show all entries. It counts the texts as escaped
# HTML, and the markup of an entry.
MAX_PAGE_BYTES = 30_000
ENTRY_BYTES = 350


class Entry(NamedTuple):
    """A comment or a history event. The other one is None."""

    at: str
    comment: Comment | None
    event: Event | None


class Timeline(NamedTuple):
    """The newest entries, oldest first, and the number of earlier entries that are left out."""

    entries: list[Entry]
    earlier: int


def timeline(ticket: DeskTicket, show_all: bool) -> Timeline:
    """Return the entries of a ticket: all of them, or the newest that fit on a page."""
    entries = [Entry(comment.added_at, comment, None) for comment in ticket.comments]
    entries += [Entry(event.changed_at, None, event) for event in ticket.history]
    # The sort is stable: the comment of a change stays before the events with the same time.
    entries.sort(key=attrgetter("at"))
    newest = entries if show_all else list(_newest_that_fit(entries))[::-1]
    return Timeline(newest, len(entries) - len(newest))


def _newest_that_fit(entries: list[Entry]) -> Iterator[Entry]:
    bytes_left = MAX_PAGE_BYTES
    for entry in reversed(entries):
        bytes_left -= ENTRY_BYTES + _text_bytes(entry)
        if bytes_left < 0:
            return
        yield entry


def _text_bytes(entry: Entry) -> int:
    texts = [entry.comment.comment_text] if entry.comment else []
    if entry.event:
        texts = [entry.event.was or "", entry.event.to or ""]
    # Each of these characters takes up to four more bytes when it is escaped.
    return sum(len(text.encode()) + 4 * sum(map(text.count, "\"'&<>")) for text in texts)
