"""Encode responses as JSON with msgspec: in UTF-8, with fields in the order of the struct."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Response
from flask.json.provider import DefaultJSONProvider


class MsgspecProvider(DefaultJSONProvider):
    """Make `flask.jsonify` encode msgspec structs."""

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a JSON response. The body is the first argument, or else the keyword arguments."""
        body = msgspec.json.encode(args[0] if args else kwargs)
        return Response(body, mimetype="application/json")
