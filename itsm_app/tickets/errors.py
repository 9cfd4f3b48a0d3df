"""Errors for the reasons why a ticket operation is rejected.

The errors contain data only. The messages for clients are in `api.error_messages`.
"""

from __future__ import annotations


class TicketError(Exception):
    """Base class of the errors in this module."""


class InvalidField(TicketError):
    """A field is missing, is given twice or has an invalid value.

    Attributes:
        field: The name of the field.
        requirement: The end of a sentence that begins with the field name, for example `must be …`
            or `is missing: …`.
        next_step: A sentence that says how the client can correct the request.
    """

    def __init__(self, field: str, requirement: str, next_step: str) -> None:
        super().__init__(field)
        self.field = field
        self.requirement = requirement
        self.next_step = next_step


class MisheardNumber(TicketError):
    """The reference consists of digits, but is not a ticket number.

    Attributes:
        digits: The number of digits in the reference.
    """

    def __init__(self, digits: int) -> None:
        super().__init__(digits)
        self.digits = digits


class TicketNotFound(TicketError):
    """No ticket has this reference, or the ticket belongs to another caller.

    Attributes:
        length: The length of the reference in characters.
    """

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length


class IdempotencyKeyReused(TicketError):
    """The idempotency key was used before for a request with other content."""


class InvalidTransition(TicketError):
    """The ticket cannot change from its present status to the requested status.

    Attributes:
        status: The present status of the ticket.
        allowed: The statuses that can follow the present status, separated by commas, or `none`.
    """

    def __init__(self, status: str, allowed: str) -> None:
        super().__init__(status)
        self.status = status
        self.allowed = allowed


class AlreadyAssigned(TicketError):
    """The ticket is assigned to another person.

    Attributes:
        assignee: The present assignee.
    """

    def __init__(self, assignee: str) -> None:
        super().__init__(assignee)
        self.assignee = assignee


class TicketClosed(TicketError):
    """The ticket is closed, and a closed ticket cannot change."""


class TicketMerged(TicketClosed):
    """The ticket was closed as a duplicate.

    Attributes:
        number: The number of the ticket that the ticket duplicates.
    """

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


class CallerErased(TicketError):
    """The caller's data was erased from the ticket, so the ticket accepts no comments."""


class ChangedMeanwhile(TicketError):
    """The ticket has changed since the client read the ticket."""


class NoStrongVersion(ChangedMeanwhile):
    """The client sent no strong version of the ticket, so the versions cannot match."""


class TicketBusy(TicketError):
    """Others changed the ticket at the same moment, at every attempt. Nothing was written."""


class NoticeBusy(TicketBusy):
    """Others changed the notice at the same moment, at every attempt. Nothing was written."""


class NoNotice(TicketError):
    """There is no notice with a ticket now, so the caller cannot join it."""


class TicketFull(TicketError):
    """The ticket has no room for the comment or the change.

    Attributes:
        length: The length of the new comment in characters, 0 without a comment.
    """

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length
