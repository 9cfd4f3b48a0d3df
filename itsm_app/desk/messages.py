"""The texts in which the desk's pages report success and errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..api.bulk_changes import DONE, NOT_TRIED, Result
from ..api.response_schemas import Error, Ticket
from ..tickets import limits
from ..tickets.errors import InvalidField, TicketMerged

# By the value of `done` in the query of the page.
SUCCESS_MESSAGES = {
    "create": "The ticket was created. Its number is {number}.",
    "comment": "Your answer was added.",
    "note": "Your internal note was added. The caller does not see the note.",
    "status": "The status is now {status}.",
    "priority": "The priority is now {priority}.",
    "assignee": "The ticket is now assigned to {assignee}.",
    "give_back": "The ticket is now unassigned.",
    "merge": "The ticket was closed as a duplicate of {duplicate_of}.",
}
# By error code. People at the desk need other advice on these errors than clients of the API. The
# pages show the API's own sentence for all other codes.
ERROR_MESSAGES = {
    "changed_meanwhile": "This ticket has changed since you opened it, so your change was not"
    " saved. The page now shows the current ticket. Check the ticket, then decide again. Your text"
    " is kept.",
    "ticket_busy": "Others changed this ticket at the same moment, so nothing was saved. Your text"
    " is kept. Send the form again.",
    "invalid_transition": "The ticket cannot change to this status. The page now shows the current"
    " ticket. Choose one of the statuses that the page offers.",
    "ticket_closed": "The ticket is closed and cannot be changed. Create a new ticket and mention"
    " the number of this ticket.",
    "caller_erased": "The caller's data was erased from this ticket, so nobody can answer it."
    " Create a new ticket.",
    "ticket_full": "The ticket has no room for this answer. Create a new ticket, mention the number"
    " of this ticket, and write the answer there.",
    "ticket_not_found": "There is no ticket with this number. Check each digit of the number, or"
    " search for the caller's tickets.",
    "misheard_number": "This is not a valid ticket number. A ticket number has 12 digits, and one"
    " of them is a check digit. The number was misheard or mistyped. Check each digit.",
    "idempotency_key_reused": "This form was already sent with other content, and that content is"
    " saved. Check the ticket and add what is missing.",
    "storage_unavailable": "The tickets are not available at the moment. If you sent a form, the"
    " form may or may not be saved. Wait a few seconds, then reload this page. Reloading is safe:"
    " the form is saved only once.",
    "internal_error": "An unexpected error occurred. Wait a few seconds, then reload this page."
    " Reloading is safe: a form is saved only once. If the error occurs again, give the reference"
    " below to the operator of this service.",
    "no_such_operation": "This page does not exist. Go to the queue, or search for a ticket number"
    " or a caller.",
    "no_session": "You are not signed in any more, so nothing was saved. Your text is not lost:"
    " sign in in a new tab, return to this tab, and reload this page. The browser then sends your"
    " form again.",
    "key_refused": "This key is not valid. Copy the complete key again, or ask the operator of this"
    " service for a key.",
    "role_refused": "This key has the role agent. Agents create tickets and comment on them, but"
    " cannot use the desk. Sign in with a key that has the role desk.",
    "body_too_large": "The form contains too much text. Go back and shorten it.",
}
# By form and error code, where a form needs other advice.
FORM_MESSAGES = {
    ("duplicate_of", "ticket_not_found"): "There is no ticket with the number that you entered as"
    " the other ticket. Check each digit.",
    ("duplicate_of", "misheard_number"): "The number that you entered as the other ticket is not a"
    " valid ticket number. A ticket number has 12 digits. Check each digit.",
    ("follow_up_of", "ticket_not_found"): "A follow-up must have the same caller as the earlier"
    " ticket. Enter that caller, or press New ticket for a ticket of another caller.",
    ("follow_up_of", "misheard_number"): "The number of the earlier ticket is not valid. Open the"
    " earlier ticket and press the button for a follow-up again.",
    (
        "notice",
        "changed_meanwhile",
    ): "Somebody has changed the notice since you opened this page,"
    " so nothing was saved. Your text is kept. Check the notice, then post again.",
    ("notice", "ticket_busy"): "Others changed the notice at the same moment, so nothing was saved."
    " Your text is kept. Send the form again.",
    ("canned_answer", "changed_meanwhile"): "Somebody has changed the canned answers since you"
    " opened this page, so nothing was saved. Your text is kept. Check the stored text, then save"
    " again.",
    ("canned_answer", "ticket_busy"): "Others changed the canned answers at the same moment, so"
    " nothing was saved. Your text is kept. Send the form again.",
}
# By field, if the text of the field is missing.
MISSING_MESSAGES = {
    "comment": "Write an answer first, or change the status, the priority or the assignee.",
    "caller_id": "Enter the caller first.",
    "issue_description": "Describe the problem first.",
    "name": "Enter a name first.",
    "text": "Write the text first.",
}
# By field: how the pages name a text, and how long the text can be.
TEXTS = {
    "comment": ("The text", limits.MAX_DESK_COMMENT_CHARACTERS),
    "assignee": ("The name of the assignee", limits.MAX_ASSIGNEE_CHARACTERS),
    "duplicate_of": ("The number of the other ticket", limits.MAX_CALLER_ID_CHARACTERS),
    "caller_id": ("The caller", limits.MAX_CALLER_ID_CHARACTERS),
    "issue_description": ("The description", limits.MAX_DESCRIPTION_CHARACTERS),
    "name": ("The name", limits.MAX_CANNED_NAME_CHARACTERS),
    "text": ("The text", limits.MAX_CANNED_TEXT_CHARACTERS),
}
TOO_LONG = "{label} has {length:,} characters. The limit is {limit:,} characters. Shorten the text."
# By the beginning of the requirement of `duplicate_of`, see `tickets.merging`.
DUPLICATE_MESSAGES = {
    "must be another": "You entered the number of this ticket itself. Enter the number of the other"
    " ticket.",
    "must be a ticket of": "The other ticket belongs to another caller. Only tickets of the same"
    " caller can be merged.",
    "must be an open": "The other ticket is closed, so the caller cannot go on with it. Enter a"
    " ticket that is not closed.",
}
# By field of the form of the notice.
NOTICE_MESSAGES = {
    "text": f"Write a text of 1 to {limits.MAX_NOTICE_CHARACTERS} characters.",
    "ends_at": "The notice must end within the next 24 hours. Enter a later or earlier time in UTC,"
    " or leave the time empty and choose a duration.",
    "ticket_number": "Enter the number of a ticket that is not closed, or leave the number empty.",
}
# By error code.
ERROR_HEADINGS = {
    "ticket_not_found": "Ticket not found",
    "misheard_number": "Invalid ticket number",
    "no_such_operation": "Page not found",
    "storage_unavailable": "Tickets not available",
    "no_session": "You are signed out",
    "desk_shut": "The desk is disabled",
    "no_keys": "The desk is disabled",
    "cross_site": "Request rejected",
    "internal_error": "Unexpected error",
}
# How the pages name the fields of the API.
FIELD_LABELS = {
    "`q`": "The search text",
    "`caller`": "The caller",
    "`caller_id`": "The caller",
    "`issue_description`": "The description",
    "`comment`": "The answer",
    "`status`": "The status",
    "`priority`": "The priority",
    "`assignee`": "The assignee",
    "`visibility`": "The choice between answer and note",
    "`answers`": "The number of canned answers",
    "`cursor`": "The position in the list",
    "`ticket`": "The selection",
    "`view`": "The view",
    "`order`": "The order",
    "`action`": "The action",
}
# What a page says about an invalid link to a list, by field. Only the lists have these fields.
LIST_MESSAGES = {
    "`view`": "The desk has no such view. Go to the queue, and choose a view there.",
    "`cursor`": "The link leads to a page of another list, or is incomplete. Go to the queue, and"
    " open the pages from there.",
    "`order`": "This view has an order of its own. Go to the queue, and choose a view of one"
    " status: open, in progress, resolved or closed.",
}
# What the queue page says about a form that it cannot process, by field.
PROBLEMS = {
    "ticket": "Select 1 to 25 tickets first. Nothing was changed.",
    "new_assignee": "Write the name of the new assignee first, up to 100 characters. Nothing was"
    " changed.",
    "new_priority": "Choose the new priority first. Nothing was changed.",
    "sure": "Closing is final, so it needs your confirmation. Nothing was changed.",
}
# What a form did with several tickets, by action.
BULK_ACTIONS = {
    "assign": "assigned",
    "take": "assigned to you",
    "priority": "set to the new priority",
    "resolve": "resolved",
    "close": "closed",
}
# Why a form did not change one of several tickets, by error code.
BULK_RESULTS = {
    NOT_TRIED: "Not tried, because the tickets before took too long. Select the ticket again.",
    "changed_meanwhile": "Left alone: the ticket has changed since the list was shown.",
    "invalid_transition": "Left alone: the status of the ticket does not allow this.",
    "ticket_closed": "Left alone: the ticket is closed.",
    "ticket_not_found": "Left alone: the ticket does not exist any more.",
    "ticket_full": "Left alone: the ticket has no room for a change. Close the ticket.",
    "ticket_busy": "Left alone: others changed the ticket at the same moment.",
    "idempotency_key_reused": "Left alone: this form was already sent with another action.",
    "storage_unavailable": "The tickets are not available at the moment. The change may or may not"
    " be saved. Check the ticket.",
}
# An error message can quote such a character, which would change the direction of the text after
# it: "Directional Formatting Characters" in Unicode Standard Annex 9.
DIRECTIONAL_CHARACTERS = dict.fromkeys(
    [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)


def success_message(changes: Iterable[str], ticket: Ticket, name: str) -> str:
    """Return a sentence for each change, joined.

    Args:
        changes: Keys of `SUCCESS_MESSAGES`. Others are ignored, because they come from the URL.
        ticket: The ticket after the changes.
        name: The name of the person at the desk.
    """
    values = {
        "number": ticket.ticket_number or ticket.ticket_id,
        "status": ticket.status.replace("_", " "),
        "priority": ticket.priority,
        "assignee": "you" if ticket.assignee == name else ticket.assignee or "nobody",
        "duplicate_of": ticket.duplicate_of or "no ticket",
    }
    sentences = [SUCCESS_MESSAGES[name] for name in changes if name in SUCCESS_MESSAGES]
    text = " ".join(sentence.format(**values) for sentence in sentences)
    return text.translate(DIRECTIONAL_CHARACTERS)


class BulkResults(NamedTuple):
    """The results of a change of several tickets, as text.

    Attributes:
        summary: How many tickets were changed.
        done: The tickets that were changed.
        failed: The other tickets, each with a sentence.
    """

    summary: str
    done: list[Result]
    failed: list[tuple[Result, str]]


def bulk_results(action: str, results: Sequence[Result]) -> BulkResults:
    """Return the results of a change of several tickets, as text.

    Args:
        action: A key of `BULK_ACTIONS`.
        results: The result of each ticket.
    """
    done = [each for each in results if each.code == DONE]
    other = "Left alone: the desk cannot change this ticket."
    failed = [(each, BULK_RESULTS.get(each.code, other)) for each in results if each.code != DONE]
    tickets = f"{len(results)} ticket{'' if len(results) == 1 else 's'}"
    return BulkResults(f"{len(done)} of {tickets} {BULK_ACTIONS[action]}.", done, failed)


def error_message(error: Error) -> str:
    """Return the message about an error for people at the desk."""
    field = error.error.partition(" ")[0]
    if error.code == "invalid_field" and field in LIST_MESSAGES:
        return LIST_MESSAGES[field]
    message = ERROR_MESSAGES.get(error.code, error.error)
    for field, label in FIELD_LABELS.items():
        message = message.replace(field, label)
    return message.translate(DIRECTIONAL_CHARACTERS)


def form_message(cause: Exception, error: Error, form: str = "") -> str:
    """Return the message about a rejected form.

    Args:
        cause: Why the form was rejected.
        error: The same as the API explains it.
        form: The form, as `FORM_MESSAGES` names it.
    """
    if isinstance(cause, TicketMerged):
        return (
            f"This ticket was closed as a duplicate of {cause.number}, so nothing was saved. Write"
            f" the answer in ticket {cause.number}."
        )
    if form == "notice" and isinstance(cause, InvalidField):
        return NOTICE_MESSAGES.get(cause.field) or error_message(error)
    if isinstance(cause, InvalidField) and (message := _field_message(cause)):
        return message
    return FORM_MESSAGES.get((form, error.code)) or error_message(error)


def error_heading(error: Error) -> str:
    """Return the heading of the error page."""
    return ERROR_HEADINGS.get(error.code, "Request failed")


def _field_message(cause: InvalidField) -> str | None:
    if cause.requirement.startswith("is missing") and cause.field in MISSING_MESSAGES:
        return MISSING_MESSAGES[cause.field]
    length = re.search(r"(\d+) characters long$", cause.requirement)
    if length and cause.field in TEXTS:
        label, limit = TEXTS[cause.field]
        return TOO_LONG.format(label=label, length=int(length[1]), limit=limit)
    if cause.field == "duplicate_of":
        return next(
            (
                text
                for start, text in DUPLICATE_MESSAGES.items()
                if cause.requirement.startswith(start)
            ),
            None,
        )
    return None
