"""Caller binding: limit a request to the tickets of one caller.

The platform knows the caller and sends the caller's ID in the header `X-Caller-Id`. The language
model cannot change this header. In `X-Caller-Verified`, the platform says how it verified the
caller.
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

    The caller is in the form in which it is stored, see `callers.to_stored`. `g.caller_verified`
    then says how the platform verified the caller. None means unknown.

    Args:
        field: The name of the field.
        named_caller: The value of the field, or None if it is missing.

    Raises:
        CallerMismatch: The field names another caller than the header.
        InvalidField: The field or a header is malformed, or has a pseudonym that this request may
            not use; or the header of the verification comes without the caller.
    """
    caller_id = None if named_caller is None else _to_stored(named_caller, field)
    header = request.headers.get(HEADER)
    g.caller_verified = _caller_verified(header is not None)
    if header is None:
        return caller_id
    bound_caller = _to_stored(parsing.load_caller(header), HEADER)
    if caller_id not in (None, bound_caller):
        raise CallerMismatch(field, len(named_caller or ""))
    return bound_caller


def may_see_all() -> bool:
    """Return whether this request can use tickets of all callers.

    Such a request has a key with the role `desk` and is not bound to a caller.
    """
    return g.key.role == "desk" and HEADER not in request.headers


def _to_stored(caller_id: str, field: str) -> str:
    normal_id = callers.normalise(caller_id, field)
    # Responses have pseudonyms. An agent must not list the tickets of a caller from one of them.
    if callers.is_pseudonym(normal_id) and not may_see_all():
        raise InvalidField(
            field,
            "is the pseudonym of a caller, which only the desk can use",
            "Send the caller's own ID, such as the phone number.",
        )
    return callers.to_stored(normal_id)


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
