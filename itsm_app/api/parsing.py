"""Parse bodies, queries, forms and headers into structs of `request_schemas`.

Each error names the field and says what is wrong with the value and what to do.
"""

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

# An error message quotes a text of up to this length. For a longer text, the message gives only the
# length.
QUOTED_CHARACTERS = 20
# Visible ASCII with percent-encoding. A comma must be encoded: if a client sends a header twice,
# servers join the two values with a comma.
PERCENT_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2}|[!-$&-+.-~\-/])*")


def load_body(schema: type[T], body: bytes) -> T:
    """Parse a body, which must be a JSON object in UTF-8.

    Raises:
        BodyTooLarge: The body is longer than `MAX_BODY_BYTES`.
        InvalidBody: The body is not a JSON object.
        InvalidField: A field is invalid.
    """
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLarge
    try:
        # If a field is sent twice, msgspec keeps the last value. This first pass rejects such a
        # field: it parses an object as a tuple of pairs. It parses integers as floats, because
        # Python refuses to parse an int of thousands of digits.
        value = json.loads(body.decode(), object_pairs_hook=tuple, parse_int=float)
        if isinstance(value, tuple):
            _check_fields(schema, value)
        return msgspec.json.decode(body, type=schema)
    except msgspec.ValidationError as error:
        _raise_invalid(schema, error, value)
    except (ValueError, RecursionError) as error:
        raise NotJson(_describe_malformed(body, error)) from None


def load_query(schema: type[T], query_string: bytes) -> T:
    """Parse a query string, which must be percent-encoded UTF-8. Raises `InvalidField`."""
    # A client must percent-encode every byte that is not ASCII, because servers may decode such a
    # byte wrongly. Here, such a byte becomes a surrogate, which `_check_utf_8` rejects.
    text = query_string.decode("ascii", errors="surrogateescape")
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    _check_fields(schema, pairs)
    return _convert(schema, dict(pairs))


def load_form(schema: type[T], fields: Mapping[str, str]) -> T:
    """Parse the fields of an HTML form. Empty fields count as missing. Raises `InvalidField`."""
    # Browsers send line ends of forms as CRLF: "Constructing the entry list" in the HTML standard.
    filled = {name: text.replace("\r\n", "\n") for name, text in fields.items() if text.strip()}
    return _convert(schema, filled)


def load_key(in_body: str | None, in_header: str | None) -> str | None:
    """Return the idempotency key, which can be in the body, in the header, or in both.

    Raises:
        InvalidField: The two keys differ, or the key of the header is invalid.
    """
    if in_header is None:
        return in_body
    if in_body not in (None, in_header):
        raise InvalidField(
            "idempotency_key",
            f"must equal the header Idempotency-Key, which is {_describe(in_header)}, but it is"
            f" {_describe(in_body)}",
            "Send the key in one place only.",
        )
    if not in_header.isascii():
        raise InvalidField(
            "Idempotency-Key",
            "must be ASCII, but it has other characters",
            "Send such a key in the body, as `idempotency_key`.",
        )
    return _convert(KeyHeader, {"idempotency_key": in_header}).idempotency_key


def load_caller(header: str) -> str:
    """Parse the header `X-Caller-Id`, which must be percent-encoded UTF-8. Raises `InvalidField`.

    Args:
        header: The value of the header.
    """
    try:
        if not PERCENT_ENCODED.fullmatch(header):
            raise ValueError
        caller_id = unquote_to_bytes(header).decode()
    except ValueError:
        raise InvalidField(
            "X-Caller-Id",
            "must be sent once, in percent-encoded UTF-8: only ASCII letters, digits and"
            " punctuation except comma and percent sign may stay unencoded. This value of"
            f" {len(header)} characters is malformed",
            *_next_step(_rule(CallerHeader, "X-Caller-Id")),
        ) from None
    return _convert(CallerHeader, {"X-Caller-Id": caller_id}).caller_id


def missing(schema: type[Struct], field: str) -> InvalidField:
    """Return the error for a missing field."""
    rule = _rule(schema, field)
    return InvalidField(field, f"is missing: it must be {rule.description}", *_next_step(rule))


def _convert(schema: type[T], texts: Mapping[str, str]) -> T:
    try:
        return msgspec.convert(texts, schema, strict=False)
    except msgspec.ValidationError as error:
        _raise_invalid(schema, error, texts)


def _check_fields(schema: type[Struct], pairs: Iterable[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, value in pairs:
        if name in seen:
            raise InvalidField(name, "was sent twice", "Send the field once.")
        if name in schema.__struct_encode_fields__:
            seen.add(name)
            _check_utf_8(name, value)


def _check_utf_8(name: str, value: Any) -> None:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise InvalidField(
            name,
            "is not valid UTF-8: it contains bytes of another encoding, or half of a surrogate"
            " pair",
            "Encode the text as UTF-8; in a query, also percent-encode the text.",
        ) from None


def _raise_invalid(schema: type[Struct], error: msgspec.ValidationError, value: Any) -> NoReturn:
    if absent := re.fullmatch("Object missing required field `(.+)`", str(error)):
        raise missing(schema, absent[1]) from None
    # msgspec's message ends with the path of the field: "… - at `$.status`". Search only at the
    # end, because the message can also quote a value that looks like a path.
    found = re.search(r" - at `\$\.([\w-]+)`$", str(error))
    if found is None:
        raise InvalidBody(_describe(value)) from None
    field = found[1]
    rule = _rule(schema, field)
    requirement = f"must be {rule.description}, but it is {_describe(dict(value)[field])}"
    raise InvalidField(field, requirement, *_next_step(rule)) from None


def _rule(schema: type[Struct], field: str) -> Meta:
    attribute = schema.__struct_fields__[schema.__struct_encode_fields__.index(field)]
    hint = get_type_hints(schema, include_extras=True)[attribute]
    # The type of an optional field is a union with None.
    rule: Meta = (hint if get_origin(hint) is Annotated else get_args(hint)[0]).__metadata__[0]
    return rule


def _next_step(rule: Meta) -> Iterable[str]:
    return (rule.extra or {}).values()


def _describe_malformed(body: bytes, error: Exception) -> str:
    if not body.strip():
        return "empty"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"not valid UTF-8 ({len(body)} bytes, error at byte {error.start})"
    place = f", error at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
    return f"not valid JSON ({len(body)} bytes{place})"


def _describe(value: Any) -> str:
    if not isinstance(value, str):
        kinds = {bool: "a boolean", float: "a number", list: "a list", tuple: "an object"}
        return kinds.get(type(value), "null")
    if not re.search(r"\S", value):
        return "only white space" if value else "empty"
    return f'"{value}"' if len(value) <= QUOTED_CHARACTERS else f"{len(value)} characters long"
