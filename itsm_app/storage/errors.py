"""What can go wrong, as data. `error_handlers` turns these into HTTP."""

from __future__ import annotations


class ItsmError(Exception):
    """Base of all errors of the ticket API."""


class InvalidSetting(ItsmError):
    """A setting is malformed. The message says which and what it must be."""


class NoKeys(ItsmError):
    """There are no keys, and whoever calls is not on this machine."""


class KeyRefused(ItsmError):
    """The request has no key, or one that is not valid."""


class RoleRefused(ItsmError):
    """The key is valid, but its role does not have this operation."""


class DeskShut(ItsmError):
    """The desk's sessions can't be signed."""


class NoSession(ItsmError):
    """Nobody is signed in at the desk, or no longer."""


class CrossSite(ItsmError):
    """A form of the desk was sent by no page of the desk."""


class BodyTooLarge(ItsmError):
    """The body of a request is longer than any operation takes."""


class InvalidBody(ItsmError):
    """The body of a request is not a JSON object in UTF-8. `form` is what it is instead."""

    def __init__(self, form: str) -> None:
        super().__init__(form)
        self.form = form


class NotJson(InvalidBody):
    """The body of a request is not even JSON."""


class InvalidField(ItsmError):
    """A field of a request is missing, empty, too long, of the wrong type, or there twice.

    `field` is its name, `requirement` what it must be, as the end of a sentence, and `next_step`
    what to do about it, as another.
    """

    def __init__(self, field: str, requirement: str, next_step: str) -> None:
        super().__init__(field)
        self.field = field
        self.requirement = requirement
        self.next_step = next_step


class PostOnly(ItsmError):
    """A GET or DELETE of the MCP endpoint."""


class CallerMismatch(ItsmError):
    """The request is bound to its caller, and names another.

    `field` is where, and `length` that name's, in characters.
    """

    def __init__(self, field: str, length: int) -> None:
        super().__init__(field)
        self.field = field
        self.length = length


class TicketNotFound(ItsmError):
    """No ticket has this id or number, or none of this caller's. `length` is its characters."""

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length


class MisheardNumber(ItsmError):
    """These digits are no number of a ticket: the check digit is wrong, or their count.

    `digits` is how many there are.
    """

    def __init__(self, digits: int) -> None:
        super().__init__(digits)
        self.digits = digits


class IdempotencyKeyReused(ItsmError):
    """The key was sent before, with other words."""


class InvalidTransition(ItsmError):
    """The ticket can't have this status next. `status` is its own, `allowed` what it can have."""

    def __init__(self, status: str, allowed: str) -> None:
        super().__init__(status)
        self.status = status
        self.allowed = allowed


class AlreadyAssigned(ItsmError):
    """The ticket is somebody else's. `assignee` is whose."""

    def __init__(self, assignee: str) -> None:
        super().__init__(assignee)
        self.assignee = assignee


class TicketClosed(ItsmError):
    """The ticket is closed, and that is final."""


class CallerErased(ItsmError):
    """What named the ticket's caller was taken out, and nothing is said on it any more."""


class ChangedMeanwhile(ItsmError):
    """The ticket is no longer as the client has seen it."""


class TicketFull(ItsmError):
    """The ticket has no room for the comment. `length` is the comment's, in characters."""

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length


class InvalidLine(ItsmError):
    """A line of an export is not one. The message says what is wrong with it."""


class StorageUnavailable(ItsmError):
    """DynamoDB refused a request, or failed at every attempt.

    `cause` is the error's code or class name, `attempts` how often the request was made.
    """

    def __init__(self, cause: str, attempts: int) -> None:
        super().__init__(cause)
        self.cause = cause
        self.attempts = attempts


class TableMismatch(ItsmError):
    """The table is there, but of another shape. The message says what differs."""


class EmbeddedEngineError(ItsmError):
    """The embedded DynamoDB could not be started. The message says why and what to do."""
