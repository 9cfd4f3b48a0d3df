"""The notice: a known incident that the desk tells all callers, and that callers can join."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import NamedTuple

from ..storage import expiry, notice, timestamps
from ..storage.models import Ticket
from .comment import ATTEMPTS
from .errors import ChangedMeanwhile, InvalidField, NoticeBusy, TicketNotFound
from .get import get_ticket
from .limits import MAX_NOTICE_MINUTES

# How long a process uses the notice that it has read, or that it has found none.
FRESH_SECONDS = 30


class Notice(NamedTuple):
    """A notice.

    Attributes:
        text: What callers are told.
        ends_at: When the notice ends.
        posted_by: The name of the desk's key that posted the notice.
        posted_at: When it was posted.
        ticket_number: The number of the incident's ticket, or None.
    """

    text: str
    ends_at: str
    posted_by: str
    posted_at: str
    ticket_number: str | None = None


class Known(NamedTuple):
    """What this process knows: the notice, and until when it need not be read again."""

    notice: Notice | None = None
    fresh_until: int = 0


class Memory:
    """The memory of this process.

    Attributes:
        known: What this process knows.
        lock: Locked while one thread reads the notice. The others go on with the known notice.
    """

    known = Known()
    lock = Lock()


def current() -> Notice | None:
    """Return the notice that this process knows, unless it has ended. Send no request."""
    return _unless_ended(Memory.known.notice)


def is_outdated() -> bool:
    """Return whether the notice was read too long ago."""
    return expiry.clock() >= Memory.known.fresh_until


def refresh() -> None:
    """Read the notice, for `current`. Raises `StorageUnavailable` if DynamoDB failed."""
    if not Memory.lock.acquire(blocking=False):
        return
    try:
        _refresh()
    finally:
        Memory.lock.release()


def read() -> tuple[Notice | None, int]:
    """Return the notice as it is stored now, and the revision that a change can name."""
    texts, revision = notice.read()
    found = _from_texts(texts)
    _remember(found)
    return _unless_ended(found), revision


def post(
    text: str,
    ends_at: datetime,
    ticket_number: str | None,
    by: str,
    seen_revision: int | None = None,
) -> Notice:
    """Post a notice in place of the present one.

    Args:
        text: What callers are told.
        ends_at: When the notice ends, with a time zone.
        ticket_number: The number or the id of the incident's ticket, or None.
        by: The name of the desk's key.
        seen_revision: The revision that the person has seen, or None for any.

    Raises:
        InvalidField: The time is past or too far ahead, or the ticket is closed or has no number.
        MisheardNumber, TicketNotFound: For the ticket, as in `get_ticket`.
        ChangedMeanwhile: Somebody changed the notice since `seen_revision`.
        NoticeBusy: Others changed the notice at every attempt.
    """
    now = datetime.now(UTC)
    if not timedelta() < ends_at - now <= timedelta(minutes=MAX_NOTICE_MINUTES):
        raise InvalidField(
            "ends_at",
            "must be in the future, at most 24 hours ahead, but it is not",
            "Send a time within the next 24 hours, or send minutes.",
        )
    posted = Notice(
        text,
        timestamps.format_timestamp(ends_at),
        by,
        timestamps.format_timestamp(now),
        ticket_number and _number_of(ticket_number),
    )
    _store(posted, seen_revision)
    return posted


def end(seen_revision: int | None = None) -> None:
    """End the notice now. The errors are the same as in `post`."""
    _store(None, seen_revision)


def incident() -> Ticket | None:
    """Return the ticket that a caller can join now, as it is stored now, or None."""
    found, _ = read()
    if found is None or found.ticket_number is None:
        return None
    try:
        ticket = get_ticket(found.ticket_number)
    except TicketNotFound:
        return None
    return None if ticket.status == "closed" else ticket


def _refresh() -> None:
    # After a failure, no caller waits for another attempt for a while.
    before = _remember(Memory.known.notice)
    texts, _ = notice.read_once()
    # Another thread can have stored a notice after this thread has read the item.
    if Memory.known is before:
        _remember(_from_texts(texts))


def _number_of(reference: str) -> str:
    ticket = get_ticket(reference)
    if ticket.status == "closed" or ticket.ticket_number is None:
        raise InvalidField(
            "ticket_number",
            "must be a ticket with a number that is not closed, but it is not",
            "Create a ticket for the incident, and send its number.",
        )
    return ticket.ticket_number


def _store(wanted: Notice | None, seen_revision: int | None) -> None:
    texts = {} if wanted is None else {k: v for k, v in wanted._asdict().items() if v is not None}
    for _ in range(ATTEMPTS):
        found, revision = notice.read()
        # There is nothing to end, or an earlier attempt succeeded and lost its response.
        if _from_texts(found) == wanted:
            break
        if seen_revision not in (None, revision):
            raise ChangedMeanwhile
        if notice.replace(texts, revision):
            break
    else:
        raise NoticeBusy
    _remember(wanted)


def _from_texts(texts: Mapping[str, str]) -> Notice | None:
    # None of the names is there if the notice was ended, or if nobody has posted one.
    if not texts.keys() >= {"text", "ends_at", "posted_by", "posted_at"}:
        return None
    return Notice(**{name: texts[name] for name in Notice._fields if name in texts})


def _unless_ended(found: Notice | None) -> Notice | None:
    return found if found and found.ends_at > timestamps.now() else None


def _remember(found: Notice | None) -> Known:
    Memory.known = Known(found, expiry.clock() + FRESH_SECONDS)
    return Memory.known
