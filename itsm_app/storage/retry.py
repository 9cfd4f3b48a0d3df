"""The one retry policy for requests to DynamoDB.

A request that fails for a transient reason is sent up to three times. The waits between the
attempts are 0.1 s and 0.2 s, each plus up to 10 % jitter. Every other failure is raised at once.
botocore's own retries are disabled.
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

# Tests set this to False. The code then retries and logs as usual, but does not wait.
waits = True

retries: ContextVar[int] = ContextVar("retries", default=0)
"""How many retries the current API request has used, for all its DynamoDB requests together."""

throttles: ContextVar[int] = ContextVar("throttles", default=0)
"""How many attempts of the current API request DynamoDB has throttled."""

# See `retries_per_request`.
_per_request: ContextVar[bool] = ContextVar("per_request", default=False)

# See `without_retries`.
_is_single: ContextVar[bool] = ContextVar("is_single", default=False)

# "Error retries and exponential backoff" and "Error messages and codes" in the DynamoDB Developer
# Guide. A failure with an HTTP status of 500 or above is always transient, whatever its error code.
THROTTLING_CODES = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"}
)
TRANSIENT_CODES = THROTTLING_CODES | {"InternalServerError", "ServiceUnavailable"}
# The connection was refused, reset or dropped, or a time-out ended the attempt.
TRANSIENT_EXCEPTIONS = (botocore_exceptions.ConnectionError, botocore_exceptions.HTTPClientError)

# The operating system's generator, because it has no seed in this process. With a seed, all copies
# of a Lambda snapshot would wait for the same times.
_random = SystemRandom()
_logger = logging.getLogger(__name__)


def with_retries(request: Callable[[], T]) -> T:
    """Call `request` up to three times, and return its result.

    All DynamoDB requests of one API request share the two retries, because an API request must end
    within 8 s.

    Raises:
        StorageUnavailable: DynamoDB rejected the request, or every attempt failed.
        ConditionFailed: The condition of the write is false.
    """
    attempts = 1
    if _per_request.get():
        retries.set(0)
    while True:
        try:
            return request()
        except (BotoCoreError, ClientError, PynamoDBException) as error:
            cause = _botocore_error(error)
            code = _code(cause)
            if code == "ConditionalCheckFailedException":
                raise ConditionFailed from None
            if code in THROTTLING_CODES:
                throttles.set(throttles.get() + 1)
            is_last = _is_single.get() or retries.get() == MAX_ATTEMPTS - 1
            if is_last or not _is_transient(cause, code):
                raise StorageUnavailable(code, attempts, str(cause)) from error
        _wait(code)
        attempts += 1


@contextmanager
def retries_per_request() -> Iterator[None]:
    """Give each DynamoDB request its own two retries.

    This is for flask commands, which do not have the time limit of 8 s.
    """
    token = _per_request.set(True)
    try:
        yield
    finally:
        _per_request.reset(token)


@contextmanager
def without_retries() -> Iterator[None]:
    """Send each DynamoDB request once.

    This is for requests that a response can do without, while a caller waits.
    """
    token = _is_single.set(True)
    try:
        yield
    finally:
        _is_single.reset(token)


def _botocore_error(error: Exception) -> Exception:
    if not isinstance(error, PynamoDBException):
        return error
    # PynamoDB wraps botocore's errors. It replaces a ClientError by one without the HTTP status.
    cause = error.cause or error
    original = cause.__cause__
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
