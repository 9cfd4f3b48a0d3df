"""DynamoDB's expressions, as far as this app uses them: functions and top-level attributes.

See "Expressions in DynamoDB" in the DynamoDB Developer Guide. An expression is compiled once, into
functions that get an item and the values of a request.
"""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

from .errors import invalid
from .tables import Item
from .values import (
    CONDITION_FUNCTIONS,
    OPERAND_FUNCTIONS,
    Value,
    added,
    equal,
    ordered,
    present,
    removed,
)

T = TypeVar("T")
Request = dict[str, Any]
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
BEGINS_WITH = "begins_with"
UPDATES: dict[str, Callable[[Value | None, Value], Value | None]] = {
    "SET": lambda old, new: new,
    "ADD": added,
    "DELETE": removed,
}
# The app has some twenty expressions. Their texts do not contain values.
COMPILED = 256


class KeyCondition(NamedTuple):
    """A condition on the keys of a table or an index.

    Attributes:
        hash: The value of the hash key.
        bounds: How the range key compares with values, such as `(">=", "a")`. All must hold.
    """

    hash: str
    bounds: list[tuple[str, str]]


class Action(NamedTuple):
    """One action of an update expression: SET, ADD, DELETE or REMOVE an attribute.

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
        new = None
        if operand is not None:
            new = UPDATES[verb](item.get(name), present(operand(item, values)))
        if new is None:
            changed.pop(name, None)
        else:
            changed[name] = new
    return changed


def updated_names(request: Request) -> list[str]:
    """Return the names of the attributes in the update expression of a request."""
    actions = _compile_update(request["UpdateExpression"], _names(request))
    return [action.name for action in actions]


def key_condition(request: Request, names: list[str]) -> KeyCondition:
    """Return the key condition of a request. `names` are the hash key and the range key, if any."""
    parser, values = _Parser(request["KeyConditionExpression"], _names(request)), _values(request)
    found: dict[str, list[tuple[str, str]]] = {}

    def text() -> str:
        value = present(parser.operand()({}, values)).get("S", "")
        if not value:
            raise invalid("The value of a key must be a text that is not empty")
        return str(value)

    while parser.next:
        if parser.take_if("(", ")", "AND"):
            continue
        if parser.take_if(BEGINS_WITH):
            parser.expect("(")
            name = parser.attribute()
            parser.expect(",")
            bounds = _prefix_bounds(text())
            parser.expect(")")
        else:
            name, sign = parser.attribute(), parser.take()
            bounds = [(sign, text())]
            if sign == "BETWEEN":
                parser.expect("AND")
                bounds = [(">=", bounds[0][1]), ("<=", text())]
        if name in found:
            raise invalid("KeyConditionExpressions must only contain one condition per key")
        found[name] = bounds
    hashes, bounds = found.pop(names[0], []), found.pop(names[-1], [])
    signs = {sign for sign, _ in bounds}
    if [sign for sign, _ in hashes] != ["="] or found or signs - {"=", *ORDER}:
        raise invalid("Query key condition not supported")
    if len(bounds) == 2 and bounds[0][1] > bounds[1][1]:
        raise invalid("The upper bound of BETWEEN is less than the lower bound")
    return KeyCondition(hashes[0][1], bounds)


def _prefix_bounds(prefix: str) -> list[tuple[str, str]]:
    """Return the bounds of the texts that begin with a prefix, in the order of code points."""
    bounds = [(">=", prefix)]
    # The next text after all of these: the last character that has a successor is replaced by it.
    if stem := prefix.rstrip(chr(sys.maxunicode)):
        code = ord(stem[-1]) + 1
        # A text cannot contain a surrogate.
        bounds.append(("<", stem[:-1] + chr(0xE000 if code == 0xD800 else code)))
    return bounds


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
    actions = parser.all(lambda: [*parser.actions()])
    if len({action.name for action in actions}) < len(actions):
        raise invalid("Invalid UpdateExpression: Two document paths overlap with each other")
    return actions


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
            return lambda *given: any(equal(left(*given), each(*given)) for each in right)
        other = self.operand()
        if sign == "=":
            return lambda *given: equal(left(*given), other(*given))
        if sign not in ORDER:
            raise invalid(f"{sign} is not supported")
        return lambda *given: ordered(ORDER[sign], left(*given), other(*given))

    # Updates.

    def actions(self) -> Iterator[Action]:
        while self.next:
            verb = self.take()
            if verb not in ("REMOVE", *UPDATES):
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
