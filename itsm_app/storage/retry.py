"""The one retry policy for requests to DynamoDB.

Transient failures are tried again, up to three attempts in all, after 0.1 s and 0.2 s, each plus
up to 10 % jitter. Everything else is raised at once. botocore's own retries are off.
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

from ..api.errors import StorageUnavailable

T = TypeVar("T")

MAX_ATTEMPTS = 3
FIRST_WAIT_SECONDS = 0.1
JITTER = 0.1

# Tests set this to False: the loop and its log lines stay, only the waiting goes.
waits = True

retries: ContextVar[int] = ContextVar("retries", default=0)
"""How many retries the current request has needed so far."""

throttles: ContextVar[int] = ContextVar("throttles", default=0)
"""How many attempts of the current request DynamoDB has throttled so far."""

_alone: ContextVar[bool] = ContextVar("alone", default=False)

# "Error retries and exponential backoff" and "Error messages and codes" in the DynamoDB Developer
# Guide. A status of 500 and above is transient whatever its code.
THROTTLING_CODES = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"}
)
TRANSIENT_CODES = THROTTLING_CODES | {"InternalServerError", "ServiceUnavailable"}
# A connection refused, reset or dropped, and every kind of time-out.
TRANSIENT_EXCEPTIONS = (botocore_exceptions.ConnectionError, botocore_exceptions.HTTPClientError)

# Seeded from the system at each call: copies of one Lambda snapshot must not wait in step.
_random = SystemRandom()
_logger = logging.getLogger(__name__)


def with_retries(request: Callable[[], T]) -> T:
    """Return what `request` returns, calling it up to three times.

    A client's call that needs two requests to DynamoDB has no more retries than one that needs one,
    for it has no more time. Raises `StorageUnavailable` when DynamoDB refuses or fails at every
    attempt. A failed condition is an answer, not a failure: the ConditionalCheckFailedException
    passes through.
    """
    attempts = 1
    if _alone.get():
        retries.set(0)
    while True:
        try:
            return request()
        except (BotoCoreError, ClientError) as error:
            code = _code(error)
            if code == "ConditionalCheckFailedException":
                raise
            if code in THROTTLING_CODES:
                throttles.set(throttles.get() + 1)
            if retries.get() == MAX_ATTEMPTS - 1 or not _is_transient(error, code):
                raise StorageUnavailable(code, attempts) from error
        _wait(code)
        attempts += 1


@contextmanager
def alone() -> Iterator[None]:
    """Give each request to DynamoDB retries of its own: nobody is on the phone."""
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


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
