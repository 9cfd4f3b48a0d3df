"""Why a ticket operation was rejected.

Each error carries its data. The sentences for clients are in `api.error_messages`.
"""

from __future__ import annotations


class TicketError(Exception):
    """Base class of the errors in this module."""


class InvalidField(TicketError):
    """A field is missing, empty, too long, of the wrong type or given twice.

    Attributes:
        field: The name of the field.
        requirement: What the field must be, as the rest of a sentence that begins with its name.
        next_step: What to do about it, as a sentence.
    """

    def __init__(self, field: str, requirement: str, next_step: str) -> None:
        super().__init__(field)
        self.field = field
        self.requirement = requirement
        self.next_step = next_step


class MisheardNumber(TicketError):
    """The digits are not a ticket number. `digits` is how many there are."""

    def __init__(self, digits: int) -> None:
        super().__init__(digits)
        self.digits = digits


class TicketNotFound(TicketError):
    """No ticket has this reference, or it belongs to another caller. `length` is in characters."""

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length


class IdempotencyKeyReused(TicketError):
    """The idempotency key was used before for a request with other content."""


class InvalidTransition(TicketError):
    """The ticket cannot change to this status.

    Attributes:
        status: The present status of the ticket.
        allowed: The statuses that can follow, separated by commas.
    """

    def __init__(self, status: str, allowed: str) -> None:
        super().__init__(status)
        self.status = status
        self.allowed = allowed


class AlreadyAssigned(TicketError):
    """The ticket is assigned to somebody else, `assignee`."""

    def __init__(self, assignee: str) -> None:
        super().__init__(assignee)
        self.assignee = assignee


class TicketClosed(TicketError):
    """The ticket is closed, and a closed ticket cannot change."""


class CallerErased(TicketError):
    """The caller's data was erased from the ticket, so it takes no more comments."""


class ChangedMeanwhile(TicketError):
    """The ticket was changed since the client read it."""


class TicketBusy(TicketError):
    """Others changed the ticket at the same moment, at every attempt. Nothing was written."""


class TicketFull(TicketError):
    """The ticket has no room for the comment. `length` is the comment's, in characters."""

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length
