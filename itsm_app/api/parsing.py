"""How what a client sent becomes one of the `schemas`, or an error that names the field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec
from msgspec import Meta, Struct

from ..tickets.errors import InvalidField
from .errors import BodyTooLarge, InvalidBody, NotJson
from .request_schemas import CallerHeader, KeyHeader

T = TypeVar("T", bound=Struct)

MAX_BODY_BYTES = 64 * 1024

# A text up to this length is quoted in an error; of a longer one its length is told.
QUOTED_CHARACTERS = 20
# A comma would be where a server joins a header that was sent twice.
PERCENT_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2}|[!-$&-+.-~\-/])*")


def load_body(schema: type[T], body: bytes) -> T:
    """Read a body: a JSON object in UTF-8.

    Raises `BodyTooLarge`, `InvalidBody` or `InvalidField`.
    """
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLarge
    try:
        # Of two values under one name msgspec keeps the last, and what the first said is lost.
        # The numbers may be of any length, and none is looked at.
        sent = json.loads(body.decode(), object_pairs_hook=tuple, parse_int=float)
        if isinstance(sent, tuple):
            _check_fields(schema, sent)
        return msgspec.json.decode(body, type=schema)
    except msgspec.ValidationError as error:
        _refuse(schema, error, sent)
    except (ValueError, RecursionError) as error:
        raise NotJson(_fault(body, error)) from None


def load_query(schema: type[T], query_string: bytes) -> T:
    """Read a query string: percent-encoded UTF-8. Raises `InvalidField`."""
    # What is not ASCII here was not percent-encoded, and a server may have decoded it wrongly.
    text = query_string.decode("ascii", errors="surrogateescape")
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    _check_fields(schema, pairs)
    return _convert(schema, dict(pairs))


def load_form(schema: type[T], fields: Mapping[str, str]) -> T:
    """Read those fields of a form that are filled in. Raises `InvalidField`."""
    # Forms end lines as HTTP does: "Constructing the entry list" in the HTML standard.
    filled = {name: text.replace("\r\n", "\n") for name, text in fields.items() if text.strip()}
    return _convert(schema, filled)


def load_key(in_body: str | None, in_header: str | None) -> str | None:
    """Return the idempotency key, which may come in the body, the header, or both.

    Raises `InvalidField` when they differ, or the header's is no key.
    """
    if in_header is None:
        return in_body
    if in_body not in (None, in_header):
        raise InvalidField(
            "idempotency_key",
            f"must be as in the header Idempotency-Key, {_form(in_header)}, but it is"
            f" {_form(in_body)}",
            "Send one of them.",
        )
    if not in_header.isascii():
        raise InvalidField(
            "Idempotency-Key",
            "must be ASCII, but it is not",
            "Send any other key in the body, as JSON.",
        )
    return _convert(KeyHeader, {"idempotency_key": in_header}).idempotency_key


def load_caller(header: str) -> str:
    """Read a caller's id out of a header: percent-encoded UTF-8. Raises `InvalidField`."""
    try:
        if not PERCENT_ENCODED.fullmatch(header):
            raise ValueError
        caller_id = unquote_to_bytes(header).decode()
    except ValueError:
        raise InvalidField(
            "X-Caller-Id",
            "must be there once, with all but ASCII letters, digits and marks percent-encoded as"
            f" UTF-8, a comma and a percent sign too, which its {len(header)} characters are not",
            *_next_step(_needed(CallerHeader, "X-Caller-Id")),
        ) from None
    return _convert(CallerHeader, {"X-Caller-Id": caller_id}).caller_id


def missing(schema: type[Struct], field: str) -> InvalidField:
    """Return the error for a field that is not there."""
    needed = _needed(schema, field)
    return InvalidField(field, f"is missing: it must be {needed.description}", *_next_step(needed))


def _convert(schema: type[T], texts: Mapping[str, str]) -> T:
    try:
        return msgspec.convert(texts, schema, strict=False)
    except msgspec.ValidationError as error:
        _refuse(schema, error, texts)


def _check_fields(schema: type[Struct], pairs: Iterable[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, value in pairs:
        if name in seen:
            raise InvalidField(name, "is there twice", "Send it once.")
        if name in schema.__struct_encode_fields__:
            seen.add(name)
            _check_utf_8(name, value)


def _check_utf_8(name: str, value: Any) -> None:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise InvalidField(
            name,
            "is not UTF-8: it holds bytes of another encoding, or half of a surrogate pair",
            "Encode it as UTF-8, and percent-encode a query.",
        ) from None


def _refuse(schema: type[Struct], error: msgspec.ValidationError, sent: Any) -> NoReturn:
    # "Invalid enum value 'closing' - at `$.status`": what was sent may look like all of this.
    if absent := re.fullmatch("Object missing required field `(.+)`", str(error)):
        raise missing(schema, absent[1]) from None
    found = re.search(r" - at `\$\.([\w-]+)`$", str(error))
    if found is None:
        raise InvalidBody(_form(sent)) from None
    field = found[1]
    needed = _needed(schema, field)
    requirement = f"must be {needed.description}, but it is {_form(dict(sent)[field])}"
    raise InvalidField(field, requirement, *_next_step(needed)) from None


def _fault(body: bytes, error: Exception) -> str:
    if not body.strip():
        return "empty"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"{len(body)} bytes long and not UTF-8 at byte {error.start}"
    place = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
    return f"{len(body)} bytes long and not JSON{place}"


def _needed(schema: type[Struct], field: str) -> Meta:
    attribute = schema.__struct_fields__[schema.__struct_encode_fields__.index(field)]
    hint = get_type_hints(schema, include_extras=True)[attribute]
    # What may be left out is a union with None.
    needed: Meta = (hint if get_origin(hint) is Annotated else get_args(hint)[0]).__metadata__[0]
    return needed


def _next_step(needed: Meta) -> Iterable[str]:
    return (needed.extra or {}).values()


def _form(value: Any) -> str:
    if not isinstance(value, str):
        kinds = {bool: "a boolean", float: "a number", list: "a list", tuple: "an object"}
        return kinds.get(type(value), "null")
    if not re.search(r"\S", value):
        return "only white space" if value else "empty"
    return f'"{value}"' if len(value) <= QUOTED_CHARACTERS else f"{len(value)} characters long"
