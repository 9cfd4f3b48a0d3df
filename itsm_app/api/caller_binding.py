"""Whose call a request is: the platform says so in a header, out of the model's reach."""

from __future__ import annotations

from flask import g, request

from ..tickets import callers
from . import parsing
from .errors import CallerMismatch

HEADER = "X-Caller-Id"


def bind(field: str, named: str | None) -> str | None:
    """Return the caller of this request: as the platform says, or else as the client does.

    `named` is what the client says, in `field`. Raises `CallerMismatch` when they differ, and
    `InvalidField` for a header that is no id.
    """
    caller_id = None if named is None else callers.normalise(named, field)
    header = request.headers.get(HEADER)
    if header is None:
        return caller_id
    bound = callers.normalise(parsing.load_caller(header), HEADER)
    if caller_id not in (None, bound):
        raise CallerMismatch(field, len(named or ""))
    return bound


def may_see_all() -> bool:
    """Whether this request is of the desk, and not bound to a caller."""
    return g.key.role == "desk" and HEADER not in request.headers
