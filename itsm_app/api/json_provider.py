"""Encode responses as JSON with msgspec: in UTF-8, with fields in the order of the struct."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Response
from flask.json.provider import DefaultJSONProvider


class MsgspecProvider(DefaultJSONProvider):
    """Make `flask.jsonify` encode msgspec structs."""

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a JSON response with one argument as its body, or the keywords as an object."""
        body = msgspec.json.encode(args[0] if args else kwargs)
        return Response(body, mimetype="application/json")
