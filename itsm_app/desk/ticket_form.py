"""The form of the ticket page: answer or note, status, priority, assignee and merging, at once.

The form also sends the values that the page showed. Only what the person changed is sent to the
operation, so an untouched field never undoes the change of a colleague.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ..api import parsing, request_schemas
from ..api.response_schemas import DeskTicket
from ..tickets import characters, lifecycle

COMMENT_COUNT = re.compile(r"[0-9]{1,6}")
# The fields that the page for confirmation carries on.
CARRIED = (
    "version",
    "idempotency_key",
    "seen_entry",
    "seen_status",
    "seen_priority",
    "seen_assignee",
    "comment",
    "visibility",
    "status",
    "priority",
    "assignee",
    "duplicate_of",
    "take",
    "take_on_answer",
)


class Entered(NamedTuple):
    """What the form shows in its fields.

    Attributes:
        comment: The text of the answer or the note.
        visibility: `public` or `internal`.
        status: The new status. An empty text keeps the status.
        priority: The priority.
        assignee: The assignee. An empty text means that nobody is assigned.
        duplicate_of: The number of the ticket that this ticket duplicates.
        take_on_answer: Whether an answer also takes the ticket.
    """

    comment: str
    visibility: str
    status: str
    priority: str
    assignee: str
    duplicate_of: str
    take_on_answer: bool


def entered(form: Mapping[str, str], ticket: DeskTicket) -> Entered:
    """Return what the form shows: what the person entered, and the ticket's values elsewhere."""
    allowed = lifecycle.next_statuses(ticket.status)
    status = form.get("status", "")
    return Entered(
        comment=form.get("comment", ""),
        visibility=form.get("visibility", "public"),
        status=status if status in allowed else "",
        priority=_changed(form, "priority") or ticket.priority,
        assignee=_entered_assignee(form, ticket),
        duplicate_of=form.get("duplicate_of", ""),
        take_on_answer="take_on_answer" in form or not form,
    )


def takes_on_answer(ticket: DeskTicket, name: str) -> bool:
    """Return whether the page offers to take the ticket with the answer.

    It does for an open ticket without an assignee, and for a ticket that waits for a person and is
    not assigned to somebody else.
    """
    is_waiting = ticket.handover is not None and ticket.handover.status == "waiting"
    if ticket.assignee is None:
        return ticket.status == "open" or is_waiting
    return is_waiting and ticket.assignee == name


def parse(form: Mapping[str, str], name: str) -> request_schemas.TicketChange:
    """Return the change that the form asks for.

    Args:
        form: The form.
        name: The name of the person at the desk.

    Raises:
        InvalidField: A field is invalid, or nothing was entered and nothing was changed.
    """
    fields = {
        each: form.get(each, "") for each in ("status", "visibility", "duplicate_of", "comment")
    }
    fields["idempotency_key"] = form.get("idempotency_key", "")
    fields["priority"] = _changed(form, "priority") or ""
    assignee = _changed(form, "assignee")
    if "resolve" in form:
        fields["status"] = "resolved"
    if "take" in form:
        # The text may be unfinished. The page keeps it.
        fields["comment"], assignee = "", name
    elif _is_answer(form) and "take_on_answer" in form:
        assignee = name if assignee is None else assignee
        if form.get("seen_status") == "open":
            fields["status"] = fields["status"] or "in_progress"
    if assignee is None and all(
        characters.is_empty(fields[each])
        for each in ("comment", "status", "priority", "duplicate_of")
    ):
        raise parsing.missing(request_schemas.TicketChange, "comment")
    fields["assignee"] = assignee or ""
    change = parsing.load_form(request_schemas.TicketChange, fields)
    if assignee == "":
        change.assignee = None
    return change


def parse_version(text: str) -> tuple[str, int | None]:
    """Return the version and the number of the caller's comments from the field of the form."""
    version, _, count = text.partition(" ")
    return version, int(count) if COMMENT_COUNT.fullmatch(count) else None


def accepts_comments(change: request_schemas.TicketChange) -> bool:
    """Return whether the change is right whatever the caller has added meanwhile."""
    return change.status not in lifecycle.DONE and change.duplicate_of is None


def has_text(form: Mapping[str, str]) -> bool:
    """Return whether the form has the text of an answer or a note."""
    return not characters.is_empty(form.get("comment", ""))


def _is_answer(form: Mapping[str, str]) -> bool:
    return has_text(form) and form.get("visibility") != "internal"


def _changed(form: Mapping[str, str], field: str) -> str | None:
    """Return a field that the person changed, without white space at its ends, or else None."""
    value, seen = form.get(field), form.get(f"seen_{field}")
    if value is None:
        return None
    text = "" if characters.is_empty(value) else value.strip()
    return None if seen is not None and text == seen.strip() else text


def _entered_assignee(form: Mapping[str, str], ticket: DeskTicket) -> str:
    changed = _changed(form, "assignee")
    return (ticket.assignee or "") if changed is None else changed
