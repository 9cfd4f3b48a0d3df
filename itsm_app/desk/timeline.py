"""What was said and done on a ticket, in one line of time."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

from ..api.response_schemas import Comment, DeskTicket, Event

# Of the texts in a page that is sent without being asked for all of them. Escaped, a character
# takes five bytes at most.
MAX_PAGE_BYTES = 30_000
ENTRY_BYTES = 350


class Entry(NamedTuple):
    """What was said, or else done, at a time."""

    at: str
    comment: Comment | None
    event: Event | None


class Timeline(NamedTuple):
    """The newest entries, oldest first, and how many earlier ones there are."""

    entries: list[Entry]
    earlier: int


def timeline(ticket: DeskTicket, everything: bool) -> Timeline:
    """Return what was said and done on a ticket, as much as fits in a page, or everything."""
    entries = [Entry(each.added_at, each, None) for each in ticket.comments]
    entries += [Entry(each.changed_at, None, each) for each in ticket.history]
    # Of one write, what was said comes first.
    entries.sort(key=attrgetter("at"))
    newest = entries if everything else list(_fitting(entries))[::-1]
    return Timeline(newest, len(entries) - len(newest))


def _fitting(entries: list[Entry]) -> Iterator[Entry]:
    left = MAX_PAGE_BYTES
    for entry in reversed(entries):
        left -= ENTRY_BYTES + _bytes(entry)
        if left < 0:
            return
        yield entry


def _bytes(entry: Entry) -> int:
    texts = [entry.comment.comment_text] if entry.comment else []
    if entry.event:
        texts = [entry.event.was or "", entry.event.to or ""]
    return sum(len(text.encode()) + 4 * sum(map(text.count, "\"'&<>")) for text in texts)
