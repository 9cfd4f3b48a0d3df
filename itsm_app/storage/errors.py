"""Errors of the storage layer."""

from __future__ import annotations

# The causes of errors about an item that DynamoDB or botocore does not accept, for example because
# it is larger than 400 KB.
INVALID_ITEM = {"ParamValidationError", "SerializationException", "ValidationException"}


class StorageUnavailable(Exception):
    """DynamoDB rejected a request, or every attempt failed.

    Attributes:
        cause: The error code of DynamoDB, or the class name of botocore's exception.
        attempts: How many requests were sent.
        message: The message of that error. It can contain values, so only commands show it.
    """

    def __init__(self, cause: str, attempts: int, message: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.attempts = attempts
        self.message = message


class ConditionFailed(Exception):
    """The condition of a conditional write was false. Nothing was written."""


class TableMismatch(Exception):
    """The table exists with another key, index or billing mode.

    The message lists the differences.
    """


class InvalidLine(Exception):
    """A line of an export file is invalid. The message gives the reason, without stored values."""
