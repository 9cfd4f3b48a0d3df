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
from msgspec import UNSET, Meta, Raw, Struct

from ..tickets import characters
from ..tickets.errors import InvalidField
from .errors import BodyTooLarge, InvalidBody, NotJson
from .request_schemas import CallerHeader, CallerVerifiedHeader, KeyHeader

T = TypeVar("T", bound=Struct)

MAX_BODY_BYTES = 64 * 1024

# An error message quotes a text of up to this length. For a longer text, the message gives only the
# length.
QUOTED_CHARACTERS = 20
# Visible ASCII with percent-encoding. A comma must be encoded: if a client sends a header twice,
# servers join the two values with a comma.
PERCENT_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2}|[!-$&-+.-~\-/])*")
# Query parameters in which `null` is a text like any other, for example a name.
FREE_TEXT_PARAMETERS = {"assignee", "caller", "q"}
# Below this number, a float without a fraction is exactly the sent integer: RFC 8259, section 6.
EXACT_INTEGERS = 2**53


def load_body(schema: type[T], body: bytes) -> T:
    """Parse a body, which must be a JSON object in UTF-8.

    In an optional field, null counts as missing, except if null has a meaning of its own.

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
        return _decode(schema, body)
    except msgspec.ValidationError as error:
        _raise_invalid(schema, error, value)
    except (ValueError, RecursionError) as error:
        raise NotJson(_describe_malformed(body, error)) from None


def load_query(schema: type[T], query_string: bytes) -> T:
    """Parse a query string, which must be percent-encoded UTF-8.

    A parameter with the text `null` counts as missing, except those in `FREE_TEXT_PARAMETERS`.

    Raises:
        InvalidField: A parameter is invalid.
    """
    # A client must percent-encode every byte that is not ASCII, because servers may decode such a
    # byte wrongly. Here, such a byte becomes a surrogate, which `_check_utf_8` rejects.
    text = query_string.decode("ascii", errors="surrogateescape")
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    # msgspec rejects every name that is not UTF-8, also the name of an unknown parameter.
    if any(not _is_utf_8(name) for name, _ in pairs):
        raise InvalidField(
            "query",
            "has a parameter whose name is not valid UTF-8",
            "Encode the names and values of parameters as percent-encoded UTF-8.",
        )
    _check_fields(schema, pairs)
    return _convert(schema, {name: text for name, text in pairs if not _is_null(name, text)})


def load_form(schema: type[T], fields: Mapping[str, str]) -> T:
    """Parse the fields of an HTML form. Empty fields count as missing. Raises `InvalidField`."""
    # Browsers send line ends of forms as CRLF: "Constructing the entry list" in the HTML standard.
    filled = {name: text for name, text in fields.items() if not characters.is_empty(text)}
    return _convert(schema, {name: text.replace("\r\n", "\n") for name, text in filled.items()})


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


def load_caller_verified(header: str) -> str:
    """Parse the header `X-Caller-Verified`. Raises `InvalidField`.

    Args:
        header: The value of the header.
    """
    return _convert(CallerVerifiedHeader, {"X-Caller-Verified": header}).caller_verified


def missing(schema: type[Struct], field: str) -> InvalidField:
    """Return the error for a missing field."""
    rule = _rule(schema, field)
    return InvalidField(field, f"is missing: it must be {rule.description}", *_next_step(rule))


def _convert(schema: type[T], texts: Mapping[str, str]) -> T:
    try:
        return msgspec.convert(texts, schema, strict=False)
    except msgspec.ValidationError as error:
        _raise_invalid(schema, error, texts)


def _decode(schema: type[T], body: bytes) -> T:
    try:
        return msgspec.json.decode(body, type=schema)
    except msgspec.ValidationError:
        # Only the second attempt accepts null for absent and 10.0 for 10, so that other requests
        # do not pay for these forms.
        return msgspec.json.decode(_without_variants(schema, body), type=schema)


def _without_variants(schema: type[Struct], body: bytes) -> bytes:
    members = msgspec.json.decode(body, type=dict[str, Raw])
    hints = get_type_hints(schema)
    for field in msgspec.structs.fields(schema):
        value = bytes(members.get(field.encode_name, b""))
        types = get_args(hints[field.name]) or (hints[field.name],)
        # A field with the default UNSET either has a meaning for null or does not allow null.
        if value == b"null" and not field.required and field.default is not UNSET:
            del members[field.encode_name]
        elif int in types and re.fullmatch(rb"-?[0-9][0-9.Ee+-]*", value):
            members[field.encode_name] = Raw(_integer(value))
    return msgspec.json.encode(members)


def _integer(number: bytes) -> bytes:
    value = float(number)
    is_exact = value.is_integer() and abs(value) < EXACT_INTEGERS
    return b"%d" % value if is_exact else number


def _is_null(name: str, text: str) -> bool:
    return text.lower() == "null" and name not in FREE_TEXT_PARAMETERS


def _check_fields(schema: type[Struct], pairs: Iterable[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, value in pairs:
        if name in seen:
            raise InvalidField(name, "was sent twice", "Send the field once.")
        if name in schema.__struct_encode_fields__:
            seen.add(name)
            _check_utf_8(name, value)


def _check_utf_8(name: str, value: Any) -> None:
    if not _is_utf_8(str(value)):
        raise InvalidField(
            name,
            "is not valid UTF-8: it contains bytes of another encoding, or half of a surrogate"
            " pair",
            "Encode the text as UTF-8; in a query, also percent-encode the text.",
        )


def _is_utf_8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _raise_invalid(schema: type[Struct], error: msgspec.ValidationError, value: Any) -> NoReturn:
    if absent := re.fullmatch("Object missing required field `(.+)`", str(error)):
        raise missing(schema, absent[1]) from None
    # msgspec's message ends with the path of the field: "… - at `$.status`". Search only at the
    # end, because the message can also quote a value that looks like a path.
    found = re.search(r" - at `\$\.([\w.-]+)`$", str(error))
    if found is None:
        raise InvalidBody(_describe(value)) from None
    path = found[1]
    rule = _rule(schema, path)
    for field in path.split("."):
        value = dict(value)[field]
    requirement = f"must be {rule.description}, but it is {_describe(value)}"
    raise InvalidField(path, requirement, *_next_step(rule)) from None


def _rule(schema: type[Struct], path: str) -> Meta:
    field, _, rest = path.partition(".")
    attribute = schema.__struct_fields__[schema.__struct_encode_fields__.index(field)]
    hint = get_type_hints(schema, include_extras=True)[attribute]
    # The type of an optional field is a union with None.
    type_ = hint if get_origin(hint) is Annotated else get_args(hint)[0]
    if rest:
        return _rule(get_args(type_)[0], rest)
    rule: Meta = type_.__metadata__[0]
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
    if not value:
        return "empty"
    if characters.is_empty(value):
        return "only white space" if value.isspace() else "only invisible characters"
    return f'"{value}"' if len(value) <= QUOTED_CHARACTERS else f"{len(value)} characters long"
