"""Caller binding: limit a request to the tickets of one caller.

The platform knows the caller and sends the caller's ID in the header `X-Caller-Id`. The language
model cannot change this header. In `X-Caller-Verified`, the platform says how it verified the caller.
"""

from __future__ import annotations

from flask import g, request

from ..tickets import callers
from ..tickets.errors import InvalidField
from . import parsing
from .errors import CallerMismatch
from .field_types import HEADER_NEXT_STEP

HEADER = "X-Caller-Id"
VERIFIED_HEADER = "X-Caller-Verified"


def bind(field: str, named_caller: str | None) -> str | None:
    """Return the caller of this request: the bound caller, or else the caller that a field names.

    `g.caller_verified` then says how the platform verified the caller. None means unknown.

    Args:
        field: The name of the field.
        named_caller: The value of the field, or None if it is missing.

    Raises:
        CallerMismatch: The field names another caller than the header.
        InvalidField: A header is malformed, or the header of the verification comes without the
            caller.
    """
    caller_id = None if named_caller is None else callers.normalise(named_caller, field)
    header = request.headers.get(HEADER)
    g.caller_verified = _caller_verified(header is not None)
    if header is None:
        return caller_id
    bound_caller = callers.normalise(parsing.load_caller(header), HEADER)
    if caller_id not in (None, bound_caller):
        raise CallerMismatch(field, len(named_caller or ""))
    return bound_caller


def may_see_all() -> bool:
    """Return whether this request can use tickets of all callers.

    Such a request has a key with the role `desk` and is not bound to a caller.
    """
    return g.key.role == "desk" and HEADER not in request.headers


def _caller_verified(is_bound: bool) -> str | None:
    header = request.headers.get(VERIFIED_HEADER)
    if header is None:
        return None
    if not is_bound:
        raise InvalidField(
            VERIFIED_HEADER,
            f"must be sent together with {HEADER}, which is missing",
            HEADER_NEXT_STEP,
        )
    return parsing.load_caller_verified(header)
