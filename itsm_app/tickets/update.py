"""Change a ticket at the desk: status, priority, assignee and a comment, in one write."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID, uuid4, uuid5

import msgspec

from ..storage import items, timestamps
from ..storage.attributes import Comment, Event
from ..storage.models import Ticket
from ..storage.updates import Update
from . import history, lifecycle, limits, numbers, retention
from .comment import ATTEMPTS
from .errors import AlreadyAssigned, ChangedMeanwhile, IdempotencyKeyReused, TicketBusy
from .get import get_ticket

# The namespace of change ids. `comment.NAMESPACE` is another namespace, so one idempotency key can
# be used for a caller's comment and for a change. The namespace was generated at random once and
# must never change.
NAMESPACE = UUID("7d0c5b1e-93a4-4f6d-8e52-1f3b9a6c2d80")


class Change(NamedTuple):
    """A change request.

    Attributes:
        fields: New values of `status`, `priority` and `assignee`. An `assignee` of None means that
            nobody is assigned.
        comment: The desk's comment. None if the request has no comment.
        by: The name of the API key.
        at: The time of the request.
        change_id: The id of the request. A repetition with the same idempotency key has the same
            id.
        fingerprint: A hash of fields and comment. Two requests with the same idempotency key and
            different fingerprints have different content. Stored as `asked`.
        seen_versions: The versions of the ticket that the client accepts (`Ticket.version`). None
            if the client sent no version.
        accepts_comments: Whether the client also accepts a ticket to which only the caller has
            added comments since.
    """

    fields: Mapping[str, str | None]
    comment: Comment | None
    by: str
    at: str
    change_id: str
    fingerprint: str
    seen_versions: Collection[str] | None
    accepts_comments: bool


def update_ticket(
    reference: str,
    fields: Mapping[str, str | None],
    comment_text: str | None,
    *,
    by: str,
    idempotency_key: str | None = None,
    seen_versions: Collection[str] | None = None,
    accepts_comments: bool = False,
    caller_id: str | None = None,
    at: str | None = None,
) -> Ticket:
    """Change a ticket.

    Args:
        reference: The id or the number of the ticket.
        fields: The new values, see `Change`.
        comment_text: The text of the desk's comment, or None.
        by: The name of the API key.
        idempotency_key: The key with which the client repeats this request.
        seen_versions: The versions that the client accepts, see `Change`.
        caller_id: The caller that the ticket must belong to, or None for any caller.

    Returns:
        The ticket after the change. If the request was already done or changes nothing, the ticket
        as it is stored.

    `at` is the time of the change, or None for the current time.

    Raises:
        TicketNotFound, InvalidField, MisheardNumber: The same as in `get_ticket`.
        ChangedMeanwhile: The version of the ticket is not in `seen_versions`.
        InvalidTransition: The requested status cannot follow the present status.
        AlreadyAssigned: The request sets the assignee, another person is the assignee, and the
            client sent no version.
        TicketClosed: The ticket is closed.
        CallerErased: The caller's data was erased, so the ticket accepts no comments.
        TicketFull: The ticket has no room for this change.
        IdempotencyKeyReused: An earlier request with this key had different content.
        TicketBusy: Others changed the ticket at every attempt.
    """
    ticket_id = numbers.to_ticket_id(reference)
    now = at or timestamps.now()
    change_id = _change_id(ticket_id, idempotency_key)
    digest = fingerprint(fields, comment_text)
    comment: Comment | None = None
    if comment_text is not None:
        comment = {"comment_text": comment_text, "added_at": now, "comment_id": change_id}
        comment |= {"author": by, "asked": digest}
    change = Change(fields, comment, by, now, change_id, digest, seen_versions, accepts_comments)
    for _ in range(ATTEMPTS):
        ticket = get_ticket(reference, caller_id)
        events = _events(ticket, change)
        if _is_done(ticket, change) or not (events or comment):
            return ticket
        _check(ticket, change)
        if changed := items.write_and_return(_update(ticket, change, events)):
            return changed
    raise TicketBusy


def fingerprint(fields: Mapping[str, str | None], comment_text: str | None) -> str:
    """Return a hash of the content of a change request: 16 hexadecimal digits."""
    content = msgspec.json.encode([fields, comment_text])
    return hashlib.sha256(content).hexdigest()[:16]


def _change_id(ticket_id: str, idempotency_key: str | None) -> str:
    if idempotency_key is None:
        return str(uuid4())
    return str(uuid5(NAMESPACE, f"{ticket_id}\0{idempotency_key}"))


def _events(ticket: Ticket, change: Change) -> list[Event]:
    return [
        history.event(
            field,
            getattr(ticket, field),
            value,
            changed_by=change.by,
            changed_at=change.at,
            change_id=change.change_id,
            asked=change.fingerprint,
        )
        for field, value in change.fields.items()
        if value != getattr(ticket, field)
    ]


def _is_done(ticket: Ticket, change: Change) -> bool:
    for entry in (*ticket.comments, *(ticket.history or ())):
        if change.change_id in (entry.get("comment_id"), entry.get("change_id")):
            if entry.get("asked") != change.fingerprint:
                raise IdempotencyKeyReused
            return True
    return False


def _check(ticket: Ticket, change: Change) -> None:
    if change.seen_versions is not None and not _is_accepted(ticket, change):
        raise ChangedMeanwhile
    lifecycle.require_transition(ticket, change.fields.get("status"))
    lifecycle.require_open(ticket)
    if change.comment:
        lifecycle.require_caller(ticket)
    if change.seen_versions is None and "assignee" in change.fields:
        _check_assignee(ticket.assignee, change.fields["assignee"], change.by)


def _is_accepted(ticket: Ticket, change: Change) -> bool:
    seen_versions = change.seen_versions or ()
    if ticket.version in seen_versions or not change.accepts_comments:
        return ticket.version in seen_versions
    return any(_only_caller_commented(ticket, *seen.split(".", 1)) for seen in seen_versions)


def _only_caller_commented(ticket: Ticket, revision: str, updated_at: str = "") -> bool:
    comments = [each for each in ticket.comments if "author" not in each]
    new_comments = sum(each["added_at"] > updated_at for each in comments)
    # Each write counts up the revision by one.
    return str(int(ticket.revision or 0) - new_comments) == revision


def _check_assignee(present: str | None, wanted: str | None, by: str) -> None:
    if present not in (None, wanted, by):
        raise AlreadyAssigned(present)


def _update(ticket: Ticket, change: Change, events: list[Event]) -> Update:
    update = Update(ticket.ticket_id, change.at)
    if change.comment:
        update.append_comment(change.comment)
    if events:
        update.change_fields(events)
    if "status" not in [event["field"] for event in events]:
        update.require("status", ticket.status)
    if change.seen_versions is not None:
        update.require_version(ticket)
    max_bytes = limits.MAX_BYTES_AFTER_CHANGE
    if change.fields.get("status") == "closed":
        max_bytes = limits.MAX_BYTES_AFTER_CLOSING
        if (expires_at := retention.expires_at(change.at)) is not None:
            update.expire_at(expires_at)
    limits.require_room(update, max_bytes, ticket)
    return update
