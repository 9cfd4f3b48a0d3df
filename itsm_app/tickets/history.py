"""Entries of a ticket's history."""

from __future__ import annotations

from typing import cast

from ..storage.attributes import Comment, Event


def event(field: str, before: str | None, after: str | None, **origin: str) -> Event:
    """Return the entry for one changed field.

    Args:
        field: The name of the field.
        before: The value before the change. None means that the field had no value.
        after: The value after the change. None means that the field has no value.
        origin: The other members of the entry: `changed_by` (the name of the API key),
            `changed_at`, `change_id`, and `asked` (the fingerprint of the change request, see
            `update.fingerprint`).
    """
    members = {"field": field, "from": before, "to": after, **origin}
    return cast("Event", {name: text for name, text in members.items() if text is not None})


def reopening(by: str, comment: Comment) -> Event:
    """Return the entry for a caller's comment that reopens a resolved ticket."""
    return event(
        "status",
        "resolved",
        "in_progress",
        changed_by=by,
        changed_at=comment["added_at"],
        change_id=comment["comment_id"],
    )
