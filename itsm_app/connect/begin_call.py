"""The beginning of a call: the caller's open tickets, and what the desk has answered."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ..api import caller_binding, notices, optional_requests
from ..api.operations import WITHHELD_LIST
from ..storage.attributes import Comment
from ..storage.errors import StorageUnavailable
from ..storage.models import Ticket
from ..tickets import answers, callers, lifecycle, lists, numbers
from . import speech, ticket_fields

MAX_TICKETS = 3
MAX_ANSWERS = 3
# How many of the caller's newest tickets are read, in one Query.
TICKETS_READ = 20

_logger = logging.getLogger(__name__)

Answer = tuple[Ticket, Comment]


def begin_call(contact_id: str) -> dict[str, str | None]:
    """Return the open tickets of the caller, and the desk's answers since the last call.

    Args:
        contact_id: The ID of this call.

    Raises:
        StorageUnavailable: DynamoDB failed.
    """
    caller_id = caller_binding.bind("caller", None) or ""
    if callers.is_withheld(caller_id):
        notice = notices.current()
        return {
            "caller_known": "false",
            "ticket_count": "0",
            "answer_count": "0",
            "note": WITHHELD_LIST,
            **ticket_fields.of_notice(notice),
            "say": speech.with_notice(notice, speech.NO_NUMBER),
        }
    tickets, _ = lists.list_recent_tickets(caller_id, limit=TICKETS_READ)
    # A closed ticket accepts no comment, so its answers are not told.
    unfinished = [each for each in tickets if each.status != "closed"]
    open_tickets = [each for each in unfinished if each.status in lifecycle.ACTIVE][:MAX_TICKETS]
    untold = [
        (ticket, answer) for ticket in unfinished for answer in answers.untold(ticket, contact_id)
    ]
    untold.sort(key=lambda each: each[1]["added_at"])
    told = untold[-MAX_ANSWERS:]
    # Before the answers are marked: all callers need the notice, and marking can be left out.
    notice = notices.current()
    _mark_told(told, contact_id)
    return {
        "caller_known": "true",
        "ticket_count": str(len(open_tickets)),
        **ticket_fields.numbered("ticket", [_ticket_fields(each) for each in open_tickets]),
        "answer_count": str(len(told)),
        **ticket_fields.numbered("answer", [_answer_fields(*each) for each in told]),
        **ticket_fields.of_notice(notice),
        "say": speech.with_notice(notice, _sentences(open_tickets, told)),
    }


def _mark_told(told: Sequence[Answer], contact_id: str) -> None:
    newest = {ticket.ticket_id: (ticket, answer["added_at"]) for ticket, answer in told}
    for ticket, until in newest.values():
        # Without this write, the next call tells the same answers again.
        if optional_requests.is_late():
            _logger.warning("answers_not_marked", extra={"fields": {"cause": "late"}})
            return
        try:
            answers.mark_told(ticket, contact_id, until)
        except StorageUnavailable as error:
            _logger.warning("answers_not_marked", extra={"fields": {"cause": error.cause}})
            return


def _ticket_fields(ticket: Ticket) -> dict[str, Any]:
    return {
        "number": ticket.ticket_number,
        "spoken_number": _spoken(ticket),
        "status": ticket.status,
        "issue_description": ticket.issue_description,
        "created_at": ticket.created_at,
        "updated_at": ticket.updated_at,
        "handover": "waiting" if ticket.handover_since else None,
    }


def _answer_fields(ticket: Ticket, answer: Comment) -> dict[str, Any]:
    return {
        "ticket_number": ticket.ticket_number,
        "ticket_spoken_number": _spoken(ticket),
        "text": answer["comment_text"],
        "at": answer["added_at"],
    }


def _sentences(tickets: Sequence[Ticket], told: Sequence[Answer]) -> str:
    listed = [(_spoken(each), each.issue_description) for each in tickets]
    spoken = [speech.answer(_spoken(ticket), answer["comment_text"]) for ticket, answer in told]
    return " ".join([speech.open_tickets(listed), *spoken])


def _spoken(ticket: Ticket) -> str | None:
    return ticket.ticket_number and numbers.spoken(ticket.ticket_number)
