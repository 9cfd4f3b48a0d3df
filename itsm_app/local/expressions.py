"""DynamoDB's expressions, parsed and evaluated by moto.

moto's own storage is not used: moto's threaded server loses concurrent updates.
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.dynamo_type import Item as MotoItem
from moto.dynamodb.parsing.executors import UpdateExpressionExecutor
from moto.dynamodb.parsing.expressions import (  # type: ignore[attr-defined]
    UpdateExpressionParser,
)
from moto.dynamodb.parsing.key_condition_expression import parse_expression
from moto.dynamodb.parsing.validators import UpdateExpressionValidator

# An item in DynamoDB's JSON: each value with its type.
Item = dict[str, Any]

WORD = re.compile(r"#?\w+")


class Condition:
    """A condition or filter expression of a request."""

    def __init__(self, expression: str | None, request: dict[str, Any]) -> None:
        names = _names(request)
        self._operation = (
            get_filter_expression(expression, names, _values(request)) if expression else None
        )
        # moto converts each attribute that it gets, so it gets only those in the expression.
        self._attributes = {names.get(each, each) for each in WORD.findall(expression or "")}

    def holds(self, item: Item | None) -> bool:
        """Return whether the condition holds for an item, or for a missing item."""
        if self._operation is None:
            return True
        if item is None:
            return bool(self._operation.expr(None))
        attributes = {name: item[name] for name in self._attributes if name in item}
        return bool(self._operation.expr(_to_moto(attributes)))


def update(request: dict[str, Any], item: Item, key_names: list[str]) -> Item:
    """Return an item after the update expression of a request. `item` stays as it is."""
    changed = _to_moto(item)
    names, values = _names(request), _values(request)
    table = SimpleNamespace(attribute_keys=key_names, table_key_attrs=key_names, attr=[])
    expression = UpdateExpressionParser.make(request["UpdateExpression"])
    valid = UpdateExpressionValidator(
        expression,
        expression_attribute_names=names,
        expression_attribute_values=values,
        item=changed,
        table=table,  # type: ignore[arg-type]
    ).validate()
    valid.normalize()
    UpdateExpressionExecutor(valid, changed, names).execute()
    attributes: Item = changed.to_json()["Attributes"]
    return attributes


def key_condition(
    request: dict[str, Any], schema: list[dict[str, str]]
) -> tuple[str, str | None, list[str]]:
    """Return the parts of a key condition: the hash value, and the sort key's comparison.

    The comparison is one of `=`, `<`, `<=`, `>`, `>=`, `BETWEEN` and `BEGINS_WITH`, with its
    operands, or None.
    """
    hashes, ranges, _ = parse_expression(
        request["KeyConditionExpression"], _values(request), _names(request), schema
    )
    ((_, hash_value),) = hashes
    if not ranges:
        return hash_value["S"], None, []
    ((_, comparison, operands),) = ranges
    return hash_value["S"], comparison, [each["S"] for each in operands]


def project(request: dict[str, Any], item: Item) -> Item:
    """Return the attributes of an item that a request asks for."""
    expression = request.get("ProjectionExpression")
    if expression is None:
        return item
    names = _names(request)
    wanted = {names.get(each, each) for each in re.split(r"\s*,\s*", expression.strip())}
    return {name: value for name, value in item.items() if name in wanted}


def _to_moto(item: Item) -> MotoItem:
    moto_item = MotoItem(None, None, attrs={})  # type: ignore[arg-type]
    # Instead of moto's dict, which counts a replaced value twice against the size limit.
    moto_item.attrs = {name: DynamoType(value) for name, value in item.items()}  # type: ignore[assignment]
    return moto_item


def _names(request: dict[str, Any]) -> dict[str, str]:
    names: dict[str, str] = request.get("ExpressionAttributeNames", {})
    return names


def _values(request: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = request.get("ExpressionAttributeValues", {})
    return values
