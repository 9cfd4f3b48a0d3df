"""Render the ticket page, its confirmation, and the form for a new ticket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, current_app, g, request, url_for

from ..api import request_schemas, response_schemas
from ..tickets import callers, characters, lifecycle, limits
from . import messages, ticket_form, timeline
from .pages import render


def ticket(
    ticket: response_schemas.DeskTicket,
    version: str,
    *,
    form: Mapping[str, str],
    recent_tickets: list[response_schemas.Ticket],
    error_message: str | None,
    has_changed: bool,
    done: list[str],
) -> Response:
    """Return the page of a ticket, with its conversation and history.

    Args:
        ticket: The ticket.
        version: The version of the ticket and the number of the caller's comments, which the form
            of the page sends back.
        form: What was entered in the form of the page before, if it was rejected.
        recent_tickets: The other tickets of the caller.
        error_message: Why a change was rejected, if it was.
        has_changed: Whether the ticket has changed since the form was shown. The page then lists
            the changes.
        done: Keys of messages about the change that was made, see `messages`.
    """
    all_entries = timeline.entries(ticket)
    last_entry = all_entries[-1].at if all_entries else ticket.created_at
    seen = form.get("seen_entry")
    waits = [each.requested_at for each in ticket.handovers if each.status == "waiting"]
    changes = [each for each in all_entries if seen is not None and each.at > seen]
    return render(
        "ticket.html",
        ticket=ticket,
        version=version,
        last_entry=last_entry,
        waiting_since=min(waits, default=None),
        entered=ticket_form.entered(form, ticket),
        was_entered=bool(form),
        takes_on_answer=ticket_form.takes_on_answer(ticket, g.key.name),
        next_statuses=lifecycle.next_statuses(ticket.status),
        desk_names=_desk_names(),
        recent_tickets=recent_tickets,
        is_withheld=callers.is_withheld(ticket.caller_id),
        is_erased=any(event.field == "caller_id" for event in ticket.history),
        timeline=timeline.timeline(all_entries, request.args.get("entries") == "all"),
        changes=changes if has_changed else [],
        success_message=messages.success_message(done, ticket, g.key.name),
        error_message=error_message,
        max_children=limits.MAX_CHILDREN,
        max_characters=limits.MAX_DESK_COMMENT_CHARACTERS,
        follow_up_url=_follow_up_url(ticket),
    )


def confirm_closing(
    ticket: response_schemas.Ticket,
    survivor: Any,
    change: request_schemas.TicketChange,
    form: Mapping[str, str],
) -> Response:
    """Return the page that asks whether to close a ticket. It carries everything entered.

    Args:
        ticket: The ticket.
        survivor: The ticket that it duplicates, or None.
        change: The change.
        form: The form that asks for the change.
    """
    carried = {name: form[name] for name in ticket_form.CARRIED if name in form}
    return render(
        "close.html", ticket=ticket, survivor=survivor, change=change, carried=carried, form=form
    )


def new_ticket(form: Mapping[str, str], error_message: str | None = None) -> Response:
    """Return the form for a new ticket, with the texts of `form`, and the error if there is one."""
    return render("new.html", form=form, error_message=error_message)


def is_only_prefix(description: str, follow_up_of: str | None) -> bool:
    """Return whether a description has only the text that the form for a follow-up begins with."""
    visible = characters.without_ignorable(description).strip()
    return follow_up_of is not None and visible == _prefix(follow_up_of).strip()


def _follow_up_url(ticket: response_schemas.DeskTicket) -> str:
    number = ticket.ticket_number or ticket.ticket_id
    return url_for(
        "desk.show_new_ticket",
        caller_id=ticket.caller_id,
        follow_up_of=number,
        issue_description=_prefix(number),
    )


def _prefix(number: str) -> str:
    return f"Follow-up of {number}: "


def _desk_names() -> list[str]:
    return sorted({key.name for key in current_app.extensions["keys"] if key.role == "desk"})
