"""Turn exceptions into error responses, with the table in `error_messages`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from flask import Flask, Response, g, jsonify, request

from ..storage.errors import StorageUnavailable
from .error_messages import FAILURES, Failure
from .response_schemas import Error

ErrorPage = Callable[[Error], Response]

_logger = logging.getLogger(__name__)


def init_app(app: Flask, pages: Mapping[str, ErrorPage]) -> None:
    """Make the app return an error response for every exception, also in debug mode.

    Args:
        app: The app.
        pages: For each path prefix with HTML pages, the function that returns the page for an
            error. On all other paths, an error response is JSON.
    """

    def respond(error: Exception) -> tuple[Response, int, dict[str, str]]:
        body, status = explain(error)
        page = next((pages[each] for each in pages if f"{request.path}/".startswith(each)), None)
        response = page(body) if page else jsonify(body)
        # A 401 response must name the authentication scheme: RFC 9110, section 11.6.1.
        challenge = {"WWW-Authenticate": 'Bearer realm="tickets"'} if status == 401 else {}
        return response, status, challenge

    app.register_error_handler(Exception, respond)


def explain(error: Exception) -> tuple[Error, int]:
    """Return the body and the status for an error. Log the error if an operator must see it."""
    failure = next(FAILURES[each] for each in type(error).__mro__ if each in FAILURES)
    _log(error, failure)
    g.status = failure.status
    sentence = failure.sentence.format(**vars(error))
    return Error(sentence, failure.code, failure.retryable, g.request_id), failure.status


def _log(error: Exception, failure: Failure) -> None:
    if isinstance(error, StorageUnavailable):
        fields = {"cause": error.cause, "attempts": error.attempts}
        _logger.error(failure.code, extra={"fields": fields})
    elif failure.status >= 500:
        _logger.error(failure.code, exc_info=error)
