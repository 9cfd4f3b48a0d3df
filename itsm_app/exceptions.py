"""What can go wrong, as data. `error_handlers` turns these into HTTP."""

from __future__ import annotations


class ItsmError(Exception):
    """Base of all errors of the ticket API."""


class InvalidKeys(ItsmError):
    """The setting `API_KEYS` has a malformed entry. `position` counts from 1."""

    def __init__(self, position: int) -> None:
        super().__init__(
            f"Entry {position} of API_KEYS is malformed: each is name:role:sha256, as `flask"
            " new-key` prints it, with commas between them"
        )
        self.position = position


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


class CallerMismatch(ItsmError):
    """The request is bound to its caller, and names another."""


class TicketNotFound(ItsmError):
    """No ticket has this id, or none of this caller's."""


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


class ChangedMeanwhile(ItsmError):
    """The ticket is no longer as the client has seen it."""


class TicketFull(ItsmError):
    """The ticket has no room for the comment."""


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
