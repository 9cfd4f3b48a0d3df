"""JSON of the answers, by msgspec: UTF-8, not escaped, in the order of the struct's fields."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Response
from flask.json.provider import DefaultJSONProvider


class MsgspecProvider(DefaultJSONProvider):
    """Lets `flask.jsonify` take a struct."""

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return an answer whose body is the one given struct, or the keywords as an object."""
        body = msgspec.json.encode(args[0] if args else kwargs)
        return Response(body, mimetype="application/json")
