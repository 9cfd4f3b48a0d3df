"""Merge the comments, the internal notes, the hand-overs and the history of a ticket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from ..api.response_schemas import Comment, DeskTicket, Event, Handover
from .links import linked

# The size of the entries on a page that does not show all entries. It counts the texts as HTML, and
# the markup of an entry. The newest entry is always on the page.
MAX_PAGE_BYTES = 24_000
ENTRY_BYTES = 350


class Entry(NamedTuple):
    """A comment, a hand-over or a history event. The other two are None.

    Attributes:
        at: The time of the entry.
        comment: A comment or an internal note.
        handover: A hand-over.
        event: A change of one field.
        is_reopening: Whether the event is the reopening by a comment of the caller.
        waited_seconds: How long the caller waited, if the event ends a hand-over's wait.
    """

    at: str
    comment: Comment | None = None
    handover: Handover | None = None
    event: Event | None = None
    is_reopening: bool = False
    waited_seconds: float | None = None


class Timeline(NamedTuple):
    """The newest entries, oldest first, and the number of earlier entries that are left out."""

    entries: list[Entry]
    earlier: int


def entries(ticket: DeskTicket) -> list[Entry]:
    """Return all entries of a ticket, oldest first."""
    found = [Entry(comment.added_at, comment) for comment in ticket.comments]
    found += [Entry(each.requested_at, handover=each) for each in ticket.handovers]
    reopenings = {each.added_at for each in ticket.comments if each.author is None}
    found += [_event_entry(event, reopenings) for event in ticket.history]
    # The sort is stable: the comment of a change stays before the events with the same time.
    found.sort(key=attrgetter("at"))
    return [*_with_waits(found)]


def timeline(all_entries: list[Entry], show_all: bool) -> Timeline:
    """Return the entries of a page: all of them, or the newest that fit."""
    newest = all_entries if show_all else list(_newest_that_fit(all_entries))[::-1]
    return Timeline(newest, len(all_entries) - len(newest))


def _event_entry(event: Event, reopenings: set[str]) -> Entry:
    is_reopening = (event.was, event.to) == ("resolved", "in_progress")
    return Entry(
        event.changed_at,
        event=event,
        is_reopening=is_reopening and event.changed_at in reopenings,
    )


def _with_waits(found: list[Entry]) -> Iterator[Entry]:
    since: str | None = None
    for entry in found:
        if entry.handover:
            since = since or entry.at
        if entry.event and entry.event.field == "handover" and since:
            waited = datetime.fromisoformat(entry.at) - datetime.fromisoformat(since)
            since = None
            yield entry._replace(waited_seconds=waited.total_seconds())
        else:
            yield entry


def _newest_that_fit(all_entries: list[Entry]) -> Iterator[Entry]:
    bytes_left = MAX_PAGE_BYTES
    for entry in reversed(all_entries):
        bytes_left -= ENTRY_BYTES + _text_bytes(entry)
        if bytes_left < 0 and entry is not all_entries[-1]:
            return
        yield entry


def _text_bytes(entry: Entry) -> int:
    return sum(len(linked(text).encode()) for text in _texts(entry) if text)


def _texts(entry: Entry) -> list[str | None]:
    if entry.comment:
        return [entry.comment.comment_text]
    if entry.handover:
        return [entry.handover.reason, entry.handover.summary, entry.handover.contact_id]
    return [entry.event.was, entry.event.to] if entry.event else []
