"""The one retry policy for requests to DynamoDB.

Transient failures are retried, up to three attempts in all, after 0.1 s and 0.2 s, each plus up to
10 % jitter. Every other failure is raised at once. botocore's own retries are off.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from random import SystemRandom
from typing import TypeVar

from botocore import exceptions as botocore_exceptions
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from .errors import ConditionFailed, StorageUnavailable

T = TypeVar("T")

MAX_ATTEMPTS = 3
FIRST_WAIT_SECONDS = 0.1
JITTER = 0.1

# Tests set this to False: retries and their log lines stay, the waiting goes.
waits = True

retries: ContextVar[int] = ContextVar("retries", default=0)
"""How many retries the current call has used."""

throttles: ContextVar[int] = ContextVar("throttles", default=0)
"""How many attempts of the current call DynamoDB has throttled."""

_per_request: ContextVar[bool] = ContextVar("per_request", default=False)

# "Error retries and exponential backoff" and "Error messages and codes" in the DynamoDB Developer
# Guide. A response of status 500 or above is transient whatever its code.
THROTTLING_CODES = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"}
)
TRANSIENT_CODES = THROTTLING_CODES | {"InternalServerError", "ServiceUnavailable"}
# A connection refused, reset or dropped, and every kind of time-out.
TRANSIENT_EXCEPTIONS = (botocore_exceptions.ConnectionError, botocore_exceptions.HTTPClientError)

# Not seeded: copies of one Lambda snapshot must not wait for the same time.
_random = SystemRandom()
_logger = logging.getLogger(__name__)


def with_retries(request: Callable[[], T]) -> T:
    """Return what `request` returns, calling it up to three times.

    All requests of one client call share the two retries, because they share its time.

    Raises:
        StorageUnavailable: DynamoDB rejected the request, or every attempt failed.
        ConditionFailed: The condition of the write does not hold.
    """
    attempts = 1
    if _per_request.get():
        retries.set(0)
    while True:
        try:
            return request()
        except (BotoCoreError, ClientError, PynamoDBException) as error:
            cause = _botocore_error(error)
            if cause is None:
                raise
            code = _code(cause)
            if code == "ConditionalCheckFailedException":
                raise ConditionFailed from None
            if code in THROTTLING_CODES:
                throttles.set(throttles.get() + 1)
            if retries.get() == MAX_ATTEMPTS - 1 or not _is_transient(cause, code):
                raise StorageUnavailable(code, attempts, str(cause)) from error
        _wait(code)
        attempts += 1


@contextmanager
def retries_per_request() -> Iterator[None]:
    """Give each request to DynamoDB its own two retries. For commands, which have more time."""
    token = _per_request.set(True)
    try:
        yield
    finally:
        _per_request.reset(token)


def _botocore_error(error: Exception) -> Exception | None:
    # PynamoDB wraps botocore's errors, and replaces a ClientError by one without the HTTP status.
    if not isinstance(error, PynamoDBException):
        return error
    cause = error.cause
    original = cause.__cause__ if cause else None
    return original if isinstance(original, ClientError) else cause


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"].get("Code"))
    return type(error).__name__


def _is_transient(error: Exception, code: str) -> bool:
    return (
        isinstance(error, TRANSIENT_EXCEPTIONS) or code in TRANSIENT_CODES or _status(error) >= 500
    )


def _status(error: Exception) -> int:
    response = getattr(error, "response", {})
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _wait(code: str) -> None:
    seconds = FIRST_WAIT_SECONDS * 2 ** retries.get() * (1 + JITTER * _random.random())
    retries.set(retries.get() + 1)
    fields = {"retry": retries.get(), "max_attempts": MAX_ATTEMPTS, "wait": seconds, "cause": code}
    _logger.warning("retry", extra={"fields": fields})
    if waits:
        time.sleep(seconds)
