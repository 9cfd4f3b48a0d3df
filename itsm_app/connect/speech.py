"""The sentences that a flow speaks to the caller, in the field `say`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ..api.response_schemas import Notice
from ..tickets.limits import MAX_NOTICE_CHARACTERS

T = TypeVar("T")

# A caller cannot follow a longer text.
SPOKEN_CHARACTERS = 200

UNAVAILABLE = "I cannot reach the ticket system right now. Please try again in a few minutes."
ERRORS = {
    "no_notice": "There is no known problem that you can join. I can create a ticket for you.",
    "invalid_field": "I did not get all the details. Please say that again.",
    "body_too_large": "That was too long for me. Please say it in fewer words.",
    "misheard_number": "I did not understand the ticket number. Please say it again, digit by"
    " digit.",
    "ticket_not_found": "I cannot find a ticket of yours with this number. Please say the number"
    " again, digit by digit.",
    "caller_mismatch": "I can only help you with your own tickets.",
    "ticket_closed": "This ticket is closed. I can create a new ticket for you.",
    "ticket_full": "This ticket has no more room. I can create a new ticket for you.",
    "caller_erased": "This ticket accepts no more comments. I can create a new ticket for you.",
}
STATUSES = {"in_progress": "in progress"}


def error(code: str) -> str:
    """Return the sentence for an error code."""
    return ERRORS.get(code, UNAVAILABLE)


def created(spoken_number: str, similar: Sequence[str | None]) -> str:
    """Return the sentences for a new ticket.

    Args:
        spoken_number: The number of the ticket.
        similar: The numbers of similar tickets, the most similar first.
    """
    sentence = f"I have created a ticket for you. The ticket number is {spoken_number}."
    # Tickets of early releases have no number.
    named = [each for each in similar if each]
    if not named:
        return sentence
    return f"{sentence} You already have a similar ticket, number {named[0]}."


def status(spoken_number: str | None, status: str) -> str:
    """Return the sentence for the status of a ticket."""
    return f"{_name(spoken_number)} is {STATUSES.get(status, status)}."


COMMENTED = "I have added this to your ticket."
HANDED_OVER = (
    "A person of the service desk takes over. Everything you said so far is passed on. If I cannot"
    " connect you, the service desk calls you back."
)
NO_NUMBER = "I cannot see your phone number. If you have a ticket number, please say it."
NO_TICKETS = "I found no tickets of yours."
NO_OPEN_TICKETS = "You have no open tickets."


def tickets(count: int) -> str:
    """Return the sentence for a list of tickets."""
    return f"I found {_count(count, 'ticket')} of yours." if count else NO_TICKETS


def open_tickets(tickets: Sequence[tuple[str | None, str]]) -> str:
    """Return the sentences for the open tickets of a caller.

    Args:
        tickets: The spoken number and the description of each ticket.
    """
    if not tickets:
        return NO_OPEN_TICKETS
    named = [f"{_name(number)}: {_short(text)}" for number, text in tickets]
    return " ".join([f"You have {_count(len(tickets), 'open ticket')}.", *named])


def answer(spoken_number: str | None, text: str) -> str:
    """Return the sentence for an answer of the desk."""
    return f"The service desk has answered. {_name(spoken_number)}: {_short(text)}"


def with_notice(notice: Notice | None, sentences: str) -> str:
    """Return sentences after the notice, if there is one."""
    return f"{_short(notice.text, MAX_NOTICE_CHARACTERS)} {sentences}" if notice else sentences


def _name(spoken_number: str | None) -> str:
    # Tickets of early releases have no number.
    return f"Ticket {spoken_number}" if spoken_number else "A ticket"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _short(text: str, max_characters: int = SPOKEN_CHARACTERS) -> str:
    words = " ".join(text.split())
    if len(words) > max_characters:
        return f"{words[:max_characters]}\u2026"
    return words if words.endswith((".", "!", "?")) else f"{words}."
