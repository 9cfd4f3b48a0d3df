"""The error of the embedded DynamoDB."""

from __future__ import annotations


class EngineError(Exception):
    """A request fails as on DynamoDB.

    Attributes:
        code: The error code of DynamoDB, or the name of SQLite's or the operating system's error.
        message: What is wrong.
        status: The HTTP status. The app retries a request that fails with 500.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status


def invalid(message: str) -> EngineError:
    """Return the error of a request that DynamoDB rejects."""
    return EngineError("ValidationException", message)
