"""DynamoDB's expressions, as far as this app uses them: functions and top-level attributes.

See "Expressions in DynamoDB" in the DynamoDB Developer Guide. An expression is compiled once, into
functions that get an item and the values of a request.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

from .errors import invalid
from .tables import Item

T = TypeVar("T")
Request = dict[str, Any]
# One value with its type.
Value = dict[str, Any]
Values = dict[str, Value]
Predicate = Callable[[Item, Values], bool]
# An operand is None if it is an attribute that the item does not have.
Operand = Callable[[Item, Values], Value | None]
Names = tuple[tuple[str, str], ...]

TOKEN = re.compile(r"\s*([#:]?\w+|<=|>=|[=<>(),])")
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# "Number" in "Supported data types" of the guide.
ARITHMETIC = Context(prec=38)
BEGINS_WITH = "begins_with"
# The app has some twenty expressions. Their texts do not contain values.
COMPILED = 256


class KeyCondition(NamedTuple):
    """A condition on the keys of an index. Without a condition on the range key, `order` is empty.

    Attributes:
        hash: The value of the hash key.
        order: How the range key compares with `range`: `=`, `<`, `<=`, `>`, `>=` or `begins_with`.
        range: A value of the range key.
    """

    hash: str
    order: str
    range: str


class Action(NamedTuple):
    """One action of an update expression: SET, ADD or REMOVE an attribute.

    REMOVE has no operand.
    """

    verb: str
    name: str
    operand: Operand | None


def condition(request: Request, parameter: str) -> Callable[[Item], bool]:
    """Return the condition in a parameter of a request. Without that parameter, it always holds.

    For an item that does not exist, the item of the condition is empty.
    """
    if parameter not in request:
        return lambda item: True
    holds, values = _compile_condition(request[parameter], _names(request)), _values(request)
    return lambda item: holds(item, values)


def update(request: Request, item: Item) -> Item:
    """Return an item after the update expression of a request. `item` stays as it is."""
    changed, values = dict(item), _values(request)
    for verb, name, operand in _compile_update(request["UpdateExpression"], _names(request)):
        if operand is None:
            changed.pop(name, None)
        elif verb == "SET":
            changed[name] = _present(operand(item, values))
        else:
            changed[name] = _sum(item.get(name), _present(operand(item, values)))
    return changed


def key_condition(request: Request, names: list[str]) -> KeyCondition:
    """Return the key condition of a request. `names` are the index's hash key and range key."""
    parser, values = _Parser(request["KeyConditionExpression"], _names(request)), _values(request)
    found: dict[str, tuple[str, str]] = {}
    while parser.next:
        if parser.take_if(BEGINS_WITH):
            parser.expect("(")
            name = parser.attribute()
            parser.expect(",")
            found[name] = (BEGINS_WITH, _present(parser.operand()({}, values)).get("S", ""))
            parser.expect(")")
        elif not parser.take_if("(", ")", "AND"):
            name, sign, operand = parser.attribute(), parser.take(), parser.operand()
            found[name] = (sign, _present(operand({}, values)).get("S", ""))
    sign, value = found.pop(names[0], ("", ""))
    order, limit = found.pop(names[-1], ("", ""))
    if sign != "=" or order not in ("", "=", BEGINS_WITH, *ORDER) or found or not value:
        raise invalid("Query key condition not supported")
    return KeyCondition(value, order, limit)


def projection(request: Request) -> Callable[[Item], Item]:
    """Return a function that returns the attributes of an item that a request asks for."""
    if "ProjectionExpression" not in request:
        return lambda item: item
    names = _compile_projection(request["ProjectionExpression"], _names(request))
    return lambda item: {name: item[name] for name in names if name in item}


def _names(request: Request) -> Names:
    return tuple(request.get("ExpressionAttributeNames", {}).items())


def _values(request: Request) -> Values:
    values: Values = request.get("ExpressionAttributeValues", {})
    return values


@lru_cache(COMPILED)
def _compile_condition(text: str, names: Names) -> Predicate:
    parser = _Parser(text, names)
    return parser.all(parser.disjunction)


@lru_cache(COMPILED)
def _compile_update(text: str, names: Names) -> list[Action]:
    parser = _Parser(text, names)
    return parser.all(lambda: [*parser.actions()])


@lru_cache(COMPILED)
def _compile_projection(text: str, names: Names) -> list[str]:
    parser = _Parser(text, names)
    return parser.all(lambda: parser.separated(parser.attribute))


class _Parser:
    """A recursive-descent parser. `next` is the next token, empty at the end."""

    def __init__(self, text: str, names: Names) -> None:
        self._tokens = TOKEN.findall(text)
        if "".join(self._tokens) != "".join(text.split()):
            raise invalid("The expression contains an invalid character")
        self._tokens.reverse()
        self._names = dict(names)

    @property
    def next(self) -> str:
        return self._tokens[-1] if self._tokens else ""

    def take(self) -> str:
        if not self._tokens:
            raise invalid("The expression ends too early")
        return str(self._tokens.pop())

    def take_if(self, *tokens: str) -> bool:
        found = self.next in tokens
        if found:
            self.take()
        return found

    def expect(self, token: str) -> None:
        if not self.take_if(token):
            raise invalid(f"The expression has no {token} before {self.next}")

    def all(self, part: Callable[[], T]) -> T:
        found = part()
        if self.next:
            raise invalid(f"The expression does not end before {self.next}")
        return found

    def separated(self, part: Callable[[], T]) -> list[T]:
        found = [part()]
        while self.take_if(","):
            found.append(part())
        return found

    def attribute(self) -> str:
        token = self.take()
        name = self._names.get(token, "") if token.startswith("#") else token
        if not re.match(r"\w", name):
            raise invalid(f"{token} is not the name of an attribute")
        return name

    def operand(self) -> Operand:
        if self.next in OPERAND_FUNCTIONS:
            return self._call(OPERAND_FUNCTIONS)
        if self.next.startswith(":"):
            token = self.take()
            return lambda item, values: _defined(values, token)
        name = self.attribute()
        return lambda item, values: item.get(name)

    def _call(self, functions: dict[str, Callable[..., T]]) -> Callable[[Item, Values], T]:
        function = functions[self.take()]
        self.expect("(")
        operands = self.separated(self.operand)
        self.expect(")")
        return lambda *given: function(*(each(*given) for each in operands))

    # Conditions: NOT binds tighter than AND, and AND binds tighter than OR.

    def disjunction(self) -> Predicate:
        parts = [self._conjunction()]
        while self.take_if("OR"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda *given: any(each(*given) for each in parts)

    def _conjunction(self) -> Predicate:
        parts = [self._negation()]
        while self.take_if("AND"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else lambda *given: all(each(*given) for each in parts)

    def _negation(self) -> Predicate:
        if self.take_if("NOT"):
            part = self._negation()
            return lambda *given: not part(*given)
        if self.take_if("("):
            part = self.disjunction()
            self.expect(")")
            return part
        if self.next in CONDITION_FUNCTIONS:
            return self._call(CONDITION_FUNCTIONS)
        return self._comparison()

    def _comparison(self) -> Predicate:
        left, sign = self.operand(), self.take()
        if sign == "IN":
            self.expect("(")
            right = self.separated(self.operand)
            self.expect(")")
            return lambda *given: any(_equal(left(*given), each(*given)) for each in right)
        other = self.operand()
        if sign == "=":
            return lambda *given: _equal(left(*given), other(*given))
        if sign not in ORDER:
            raise invalid(f"{sign} is not supported")
        return lambda *given: _ordered(ORDER[sign], left(*given), other(*given))

    # Updates.

    def actions(self) -> Iterator[Action]:
        while self.next:
            verb = self.take()
            if verb not in ("SET", "ADD", "REMOVE"):
                raise invalid(f"{verb} is not supported")
            yield from self.separated(partial(self._action, verb))

    def _action(self, verb: str) -> Action:
        name = self.attribute()
        if verb == "SET":
            self.expect("=")
        return Action(verb, name, None if verb == "REMOVE" else self.operand())


def _defined(values: Values, token: str) -> Value:
    if token not in values:
        raise invalid(f"{token} is not defined")
    return values[token]


def _present(value: Value | None) -> Value:
    if value is None:
        raise invalid("The expression refers to an attribute that does not exist in the item")
    return value


def _kind(value: Value | None) -> str:
    return next(iter(value)) if value else ""


def _equal(left: Value | None, right: Value | None) -> bool:
    kind = _kind(left)
    if not left or not right or kind != _kind(right):
        return False
    if kind == "N":
        return Decimal(left[kind]) == Decimal(right[kind])
    if kind in ("SS", "NS", "BS"):
        return set(left[kind]) == set(right[kind])
    return bool(left == right)


def _ordered(order: Callable[[Any, Any], bool], left: Value | None, right: Value | None) -> bool:
    match left, right:
        case {"N": a}, {"N": b}:
            return order(Decimal(a), Decimal(b))
        case {"S": a}, {"S": b}:
            return order(a, b)
    # Values of different types have no order.
    return False


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
            _present(first), _present(second)
            raise invalid("An operand in the update expression has an incorrect data type")


def _sum(old: Value | None, new: Value) -> Value:
    match old, new:
        case None, ({"N": _} | {"SS": _}):
            return new
        case {"N": a}, {"N": b}:
            total = ARITHMETIC.add(Decimal(a), Decimal(b))
            return {"N": format(total.normalize(), "f")}
        case {"SS": a}, {"SS": b}:
            return {"SS": [*dict.fromkeys([*a, *b])]}
    raise invalid("An operand in the update expression has an incorrect data type")


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
