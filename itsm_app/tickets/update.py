"""Change a ticket at the desk: status, priority, assignee and a comment, in one write."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID

import msgspec

from .. import redaction
from ..storage import items, timestamps
from ..storage.attributes import Comment, Event
from ..storage.models import Ticket
from ..storage.updates import Update
from . import handovers, history, lifecycle, limits, merging, numbers, places, retention
from .comment import ATTEMPTS, repeatable_id
from .errors import (
    AlreadyAssigned,
    ChangedMeanwhile,
    IdempotencyKeyReused,
    NoStrongVersion,
    TicketBusy,
)
from .get import get_ticket

# The namespace of change ids. `comment.NAMESPACE` is another namespace, so one idempotency key can
# be used for a caller's comment and for a change. The namespace was generated at random once and
# must never change.
NAMESPACE = UUID("7d0c5b1e-93a4-4f6d-8e52-1f3b9a6c2d80")


class Change(NamedTuple):
    """A change request.

    Attributes:
        fields: New values of `status`, `priority`, `assignee` and `duplicate_of`. An `assignee` of
            None means that nobody is assigned.
        comment: The desk's comment. None if the request has no comment.
        is_note: Whether the comment is an internal note.
        by: The name of the API key.
        at: The time of the request.
        change_id: The id of the request. A repetition with the same idempotency key has the same
            id.
        fingerprint: A hash of fields and comment. Two requests with the same idempotency key and
            different fingerprints have different content. Stored as `asked`.
        seen_versions: The versions of the ticket that the client accepts (`Ticket.version`). None
            if the client sent no version.
        seen_comments: How many comments of the caller the client has seen. The client then also
            accepts a ticket to which only the caller has added comments since. None if the client
            does not accept such a ticket.
    """

    fields: Mapping[str, str | None]
    comment: Comment | None
    is_note: bool
    by: str
    at: str
    change_id: str
    fingerprint: str
    seen_versions: Collection[str] | None
    seen_comments: int | None


def update_ticket(
    reference: str,
    fields: Mapping[str, str | None],
    comment_text: str | None,
    *,
    by: str,
    is_note: bool = False,
    duplicate_of: str | None = None,
    idempotency_key: str | None = None,
    seen_versions: Collection[str] | None = None,
    seen_comments: int | None = None,
    caller_id: str | None = None,
    at: str | None = None,
) -> Ticket:
    """Change a ticket.

    Args:
        reference: The id or the number of the ticket.
        fields: The new values, see `Change`.
        comment_text: The text of the desk's comment, or None.
        by: The name of the API key.
        is_note: Whether the comment is an internal note, which the caller never sees.
        duplicate_of: The id or the number of the caller's ticket that this ticket duplicates. The
            change closes this ticket, and links the two tickets.
        idempotency_key: The key with which the client repeats this request.
        seen_versions: The versions that the client accepts, see `Change`.
        seen_comments: How many comments of the caller the client has seen, see `Change`.
        caller_id: The caller that the ticket must belong to, or None for any caller.
        at: The time of the change, or None for the current time.

    Returns:
        The ticket after the change. If the request was already done or changes nothing, the ticket
        as it is stored.

    Raises:
        TicketNotFound, InvalidField, MisheardNumber: The same as in `get_ticket`.
        ChangedMeanwhile: The version of the ticket is not in `seen_versions`. If `seen_versions`
            is empty, the exception is a `NoStrongVersion`.
        InvalidTransition: The requested status cannot follow the present status.
        AlreadyAssigned: The request sets the assignee and the client sent no version, but the
            ticket is assigned to somebody who is neither the requested assignee nor `by`.
        TicketClosed: The ticket is closed.
        CallerErased: The caller's data was erased, so the ticket accepts no comments.
        TicketFull: The ticket has no room for this change.
        IdempotencyKeyReused: An earlier request with this key had different content.
        TicketBusy: Others changed the ticket at every attempt.
    """
    ticket_id = numbers.to_ticket_id(reference)
    now = at or timestamps.now()
    change_id = repeatable_id(NAMESPACE, ticket_id, idempotency_key)
    survivor = None
    if duplicate_of is not None:
        duplicate = get_ticket(reference, caller_id)
        survivor = merging.find_survivor(duplicate, duplicate_of, caller_id)
        fields = {**fields, "status": "closed", "duplicate_of": survivor.ticket_number}
    if comment_text is not None:
        comment_text = redaction.redact(comment_text)
    digest = fingerprint(fields, comment_text, is_note)
    comment: Comment | None = None
    if comment_text is not None:
        comment = {"comment_text": comment_text, "added_at": now, "comment_id": change_id}
        comment |= {"author": by, "asked": digest}
    change = Change(
        fields, comment, is_note, by, now, change_id, digest, seen_versions, seen_comments
    )
    for _ in range(ATTEMPTS):
        ticket = get_ticket(reference, caller_id)
        events = _events(ticket, change)
        if _is_done(ticket, change) or not (events or comment):
            return ticket
        _check(ticket, change, caller_id is not None)
        update = _update(ticket, change, events)
        if survivor is not None:
            # Nobody may merge another ticket into this one meanwhile.
            update.require_version(ticket)
            merging.link(survivor, ticket)
        if changed := items.write_and_return(update):
            return changed
    raise TicketBusy


def fingerprint(
    fields: Mapping[str, str | None], comment_text: str | None, is_note: bool = False
) -> str:
    """Return a hash of the content of a change request: 16 hexadecimal digits."""
    # Requests of earlier releases had no notes, and must keep their hash.
    content = [fields, comment_text, *(["internal"] if is_note else [])]
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:16]


def _events(ticket: Ticket, change: Change) -> list[Event]:
    origin = {
        "changed_by": change.by,
        "changed_at": change.at,
        "change_id": change.change_id,
        "asked": change.fingerprint,
    }
    events = [
        history.event(field, getattr(ticket, field), value, **origin)
        for field, value in change.fields.items()
        if value != getattr(ticket, field)
    ]
    return events + handovers.end(ticket, change.fields, **origin)


def _is_done(ticket: Ticket, change: Change) -> bool:
    for entry in (*ticket.comments, *(ticket.notes or ()), *(ticket.history or ())):
        if change.change_id in (entry.get("comment_id"), entry.get("change_id")):
            if entry.get("asked") != change.fingerprint:
                raise IdempotencyKeyReused
            return True
    return False


def _check(ticket: Ticket, change: Change, is_bound: bool) -> None:
    if change.seen_versions is not None and not _is_accepted(ticket, change, is_bound):
        raise ChangedMeanwhile if change.seen_versions else NoStrongVersion
    lifecycle.require_transition(ticket, change.fields.get("status"))
    lifecycle.require_open(ticket)
    if change.comment:
        lifecycle.require_caller(ticket)
    if change.seen_versions is None and "assignee" in change.fields:
        _check_assignee(ticket.assignee, change.fields["assignee"], change.by)


def _is_accepted(ticket: Ticket, change: Change, is_bound: bool) -> bool:
    seen_versions = change.seen_versions or ()
    version = ticket.public_version if is_bound else ticket.version
    if version in seen_versions or change.seen_comments is None:
        return version in seen_versions
    new_comments = sum("author" not in each for each in ticket.comments) - change.seen_comments
    # Each write counts up the revision by one. If other writes followed, the numbers differ.
    revision = str(int(ticket.revision or 0) - new_comments)
    return new_comments > 0 and revision in {seen.partition(".")[0] for seen in seen_versions}


def _check_assignee(present: str | None, wanted: str | None, by: str) -> None:
    if present not in (None, wanted, by):
        raise AlreadyAssigned(present)


def _update(ticket: Ticket, change: Change, events: list[Event]) -> Update:
    update = Update(ticket.ticket_id, change.at)
    if change.comment and change.is_note:
        update.append_note(change.comment)
    elif change.comment:
        update.append_comment(change.comment)
    if events:
        update.change_fields(events)
        _move(update, ticket, events)
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


def _move(update: Update, ticket: Ticket, events: list[Event]) -> None:
    changes = {event["field"]: event.get("to") for event in events}
    if changes.pop("handover", None):
        changes["handover_since"] = None
        update.set("handover_since", None)
    if changes.get("status") in lifecycle.DONE and ticket.reopened_at is not None:
        update.set("reopened_at", None)
    places.move(update, ticket, **changes)
