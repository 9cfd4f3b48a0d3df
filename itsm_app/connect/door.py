"""From the event of a flow to the response that the flow gets.

An event is no HTTP request, but it runs in a request context, so that caller binding, errors, logs
and metrics are the same as for a request.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import quote

from flask import Flask, g, request

from ..api import logs
from ..api.auth import Key
from ..api.error_responses import explain
from . import contact, operations, responses, speech
from .responses import Fields

# The name of the door in the log and in the history of tickets. The permission of Amazon Connect to
# call the function, and `CONNECT_INSTANCES`, take the place of an API key.
KEY = Key("connect", "agent", "")
ROUTE = "ContactFlowEvent"


class Door:
    """Turns events into responses.

    Raises:
        InvalidSetting: `CONNECT_INSTANCES` is malformed.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._instances = contact.instances()

    def respond(self, event: Any, request_id: str) -> dict[str, str]:
        """Return the response to an event. Errors are responses too, never exceptions.

        Args:
            event: The event, which can be malformed.
            request_id: The ID of the invocation of the Lambda.
        """
        with self._app.request_context(_environ()):
            g.request_id, g.route, g.key = request_id, ROUTE, KEY
            logs.start_clock()
            status = 200
            try:
                response = responses.success(self._fields(event))
            except Exception as error:
                body, status = explain(error)
                response = responses.failure(
                    {
                        "code": body.code,
                        "say": speech.error(body.code),
                        "error": body.error,
                        "retryable": str(body.retryable).lower(),
                        "request_id": body.request_id,
                    }
                )
            logs.log_request(status)
            return response

    def _fields(self, event: Any) -> Fields:
        found = contact.load(event, self._instances)
        # `caller_binding` reads the headers. No operation runs before they are set.
        request.environ["HTTP_X_CALLER_ID"] = quote(found.caller_id, safe="")
        request.environ["HTTP_X_CALLER_VERIFIED"] = found.caller_verified
        return operations.run(found)


def _environ() -> dict[str, Any]:
    # What Flask needs of a WSGI request. No route has this path.
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/{ROUTE}",
        "SERVER_NAME": "connect.invalid",
        "SERVER_PORT": "443",
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "https",
    }
