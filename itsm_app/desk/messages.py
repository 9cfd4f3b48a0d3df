"""What the desk's pages say of what was done, and of what was not."""

from __future__ import annotations

from collections.abc import Iterable

from ..api.response_schemas import Error, Ticket

DONE = {
    "create": "The ticket is filed. Its number is {number}.",
    "comment": "Your answer is on the ticket.",
    "status": "The ticket is {status} now.",
    "priority": "The priority is {priority} now.",
    "assignee": "The ticket is yours.",
    "give_back": "The ticket is nobody's now.",
}
# Where people at the desk do something else about an error than the API's clients.
REFUSED = {
    "changed_meanwhile": "This ticket has changed since you opened it, so nothing was done yet."
    " This is how it is now: look at it, and decide anew. What you wrote is kept.",
    "invalid_transition": "The ticket cannot have that status any more. This is how it is now:"
    " choose from what it can become.",
    "ticket_closed": "The ticket is closed, and stays as it is. Open a new one that names its"
    " number.",
    "caller_erased": "What named this ticket's caller was erased, so nothing can be said on it any"
    " more. Open a new one.",
    "ticket_full": "The ticket has no room for this answer. Open a new one that names its number,"
    " and answer there.",
    "ticket_not_found": "There is no ticket with this number. Compare it digit by digit with what"
    " you were given, or find the ticket by its caller.",
    "misheard_number": "No ticket can have this number: a ticket number has 12 digits, and one of"
    " them checks the others, so a digit was heard or typed wrong. Compare it digit by digit.",
    "idempotency_key_reused": "This form was sent before, with other words, and those are kept."
    " Look at the ticket, and add what is missing.",
    "storage_unavailable": "The tickets cannot be reached just now, and it is not known whether"
    " this was done. Wait a few seconds and reload this page: however often it is sent, it is done"
    " once.",
    "internal_error": "Something went wrong that should not have. Reload this page in a few"
    " seconds: however often it is sent, it is done once. If it fails again, give the reference"
    " below to whoever runs this service.",
    "no_such_operation": "The desk has no such page. Go to the queue, or look for the ticket by its"
    " number or caller.",
    "no_session": "You are not signed in any more, so nothing was done yet, and nothing is lost:"
    " sign in in another tab, come back, and reload this page. It then sends what you wrote.",
    "key_refused": "This is not a key of this desk. Copy it again, with all of its characters, or"
    " ask whoever runs this service for one.",
    "role_refused": "This key is an agent's: agents file tickets and comment on them, and have no"
    " desk. Sign in with a key of the desk.",
    "body_too_large": "That was too much text for one form. Go back, and shorten it.",
}
HEADINGS = {
    "ticket_not_found": "No such ticket",
    "misheard_number": "Not a ticket number",
    "no_such_operation": "No such page",
    "storage_unavailable": "The tickets cannot be reached",
    "no_session": "Signed out meanwhile",
    "desk_shut": "The desk is shut",
    "no_keys": "The desk is shut",
    "cross_site": "Not sent by the desk",
    "internal_error": "Something went wrong",
}
# What a sentence may quote, and would turn it around: "Directional Formatting Characters"
# in Unicode's Standard Annex 9.
TURNS = dict.fromkeys([0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
# What the fields are called on the pages.
LABELS = {
    "`caller`": "The caller",
    "`caller_id`": "The caller",
    "`issue_description`": "The description",
    "`comment`": "The answer",
    "`cursor`": "The place in the list",
}


def done(names: Iterable[str], ticket: Ticket) -> str:
    """Return what was done, or an empty text."""
    words = {
        "number": ticket.ticket_number or ticket.ticket_id,
        "status": ticket.status.replace("_", " "),
        "priority": ticket.priority,
    }
    return " ".join(DONE[name].format(**words) for name in names if name in DONE)


def refused(answer: Error) -> str:
    """Return what people of the desk are told of an error."""
    sentence = REFUSED.get(answer.code, answer.error)
    for field, name in LABELS.items():
        sentence = sentence.replace(field, name)
    return sentence.translate(TURNS)


def heading(answer: Error) -> str:
    """Return what kind of error it is, in a few words."""
    return HEADINGS.get(answer.code, "That did not work")
