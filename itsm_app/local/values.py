"""What DynamoDB's expressions do with values: comparisons, functions, ADD and DELETE.

A value is in DynamoDB's JSON, with its type. None stands for an attribute that an item does not
have.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

from .errors import EngineError, invalid
from .tables import Item

# One value with its type.
Value = dict[str, Any]

SETS = ("SS", "NS", "BS")
# "Number" in "Supported data types" of the DynamoDB Developer Guide.
ARITHMETIC = Context(prec=38)


def present(value: Value | None) -> Value:
    """Return a value. If it is None, raise an `EngineError`."""
    if value is None:
        raise invalid("The expression refers to an attribute that does not exist in the item")
    return value


def equal(left: Value | None, right: Value | None) -> bool:
    """Return whether two values are equal. A missing attribute equals nothing."""
    kind = _kind(left)
    if not left or not right or kind != _kind(right):
        return False
    if kind == "N":
        return Decimal(left[kind]) == Decimal(right[kind])
    if kind in SETS:
        return set(left[kind]) == set(right[kind])
    return bool(left == right)


def equal_items(left: Item, right: Item) -> bool:
    """Return whether two items have equal attributes."""
    return left.keys() == right.keys() and all(
        value == right[name] or equal(value, right[name]) for name, value in left.items()
    )


def ordered(order: Callable[[Any, Any], bool], left: Value | None, right: Value | None) -> bool:
    """Return whether two numbers or two texts are in an order, such as `operator.lt`."""
    match left, right:
        case {"N": a}, {"N": b}:
            return order(Decimal(a), Decimal(b))
        case {"S": a}, {"S": b}:
            return order(a, b)
    # Values of different types have no order.
    return False


def added(old: Value | None, new: Value) -> Value:
    """Return the sum of two numbers or the union of two sets, for ADD."""
    match old, new:
        case None, {"N": _}:
            return new
        case {"N": a}, {"N": b}:
            total = ARITHMETIC.add(Decimal(a), Decimal(b))
            return {"N": format(total.normalize(), "f")}
    kind, members = _kind(new), _members(new)
    if old is None:
        return new
    if kind != _kind(old):
        raise _wrong_type()
    return {kind: [*{**_members(old), **members}.values()]}


def removed(old: Value | None, gone: Value) -> Value | None:
    """Return a set without the members of another set, for DELETE. None: no member is left."""
    kind, members = _kind(gone), _members(gone)
    if old is None:
        return None
    if kind != _kind(old):
        raise _wrong_type()
    left = [text for member, text in _members(old).items() if member not in members]
    return {kind: left} if left else None


def _contains(whole: Value | None, part: Value | None) -> bool:
    match whole, part:
        case {"S": text}, {"S": piece}:
            return piece in text
        case {"SS": texts}, {"S": text}:
            return text in texts
    return False


def _size(value: Value | None) -> Value | None:
    match value:
        case {"S": text}:
            return {"N": str(len(text.encode()))}
        case {"L": content} | {"M": content} | {"SS": content} | {"NS": content} | {"BS": content}:
            return {"N": str(len(content))}
    return None


def _joined(first: Value | None, second: Value | None) -> Value:
    match first, second:
        case {"L": a}, {"L": b}:
            return {"L": [*a, *b]}
        case _:
            present(first), present(second)
            raise _wrong_type()


def _members(value: Value) -> dict[Any, str]:
    """Return the texts of the members of a set, by what makes each member unique."""
    kind = _kind(value)
    if kind not in SETS:
        raise _wrong_type()
    if not value[kind]:
        raise invalid("One or more parameter values were invalid: A set may not be empty")
    return {Decimal(text) if kind == "NS" else text: text for text in value[kind]}


def _kind(value: Value | None) -> str:
    return next(iter(value)) if value else ""


def _wrong_type() -> EngineError:
    return invalid("An operand in the update expression has an incorrect data type")


CONDITION_FUNCTIONS: dict[str, Callable[..., bool]] = {
    "attribute_exists": lambda value: value is not None,
    "attribute_not_exists": lambda value: value is None,
    "contains": _contains,
}
OPERAND_FUNCTIONS: dict[str, Callable[..., Value | None]] = {
    "size": _size,
    "if_not_exists": lambda value, default: default if value is None else value,
    "list_append": _joined,
}
