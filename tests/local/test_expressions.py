"""Tests of the expressions that the embedded DynamoDB evaluates."""

from __future__ import annotations

from typing import Any

import pytest

from itsm_app.local import expressions
from itsm_app.local.errors import EngineError
from itsm_app.local.expressions import KeyCondition

ITEM: Any = {
    "id": {"S": "b"},
    "status": {"S": "open"},
    "count": {"N": "10"},
    "decimal": {"N": "10.0"},
    "tags": {"SS": ["x", "y"]},
    "list": {"L": [{"S": "a"}, {"S": "b"}]},
    "map": {"M": {"a": {"S": "b"}}},
    "yes": {"BOOL": True},
    "numbers": {"NS": ["1", "2"]},
    "bytes": {"BS": ["eA=="]},
}
VALUES: Any = {
    ":a": {"S": "a"},
    ":b": {"S": "b"},
    ":o": {"S": "o"},
    ":open": {"S": "open"},
    ":x": {"S": "x"},
    ":two": {"N": "2"},
    ":nine": {"N": "9"},
    ":ten": {"N": "10"},
    ":hundred": {"N": "1e2"},
    ":tags": {"SS": ["y", "x"]},
    ":more": {"SS": ["y", "z"]},
    ":list": {"L": [{"S": "c"}]},
    ":yes": {"BOOL": True},
    ":numbers": {"NS": ["2.0", "3"]},
    ":bytes": {"BS": ["eA==", "eQ=="]},
    ":empty": {"S": ""},
    ":no_tags": {"SS": []},
    ":before_surrogates": {"S": "a\ud7ff"},
    ":a_last": {"S": "a\U0010ffff\U0010ffff"},
    ":last": {"S": "\U0010ffff"},
}
NAMES = {"#status": "status", "#list": "list", "#list_of_tags": "list_of_tags"}


def request(**parameters: str) -> dict[str, Any]:
    return {
        "ExpressionAttributeNames": NAMES,
        "ExpressionAttributeValues": VALUES,
        **parameters,
    }


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("id = :b", True),
        ("id = :a", False),
        ("id = :ten", False),
        ("nothing = :a", False),
        ("nothing = other", False),
        ("count = decimal", True),
        ("tags = :tags", True),
        ("tags = :more", False),
        ("yes = :yes", True),
        ("count > :nine", True),
        ("count < :hundred", True),
        ("count >= :ten", True),
        ("count <= :ten", True),
        ("count > :ten", False),
        ("count < :a", False),
        ("nothing < :ten", False),
        ("id > :a", True),
        ("id < :a", False),
        ("#status IN (:a, :open)", True),
        ("#status IN (:a, :b)", False),
        ("NOT #status IN (:a, :b)", True),
        ("attribute_exists(id)", True),
        ("attribute_exists (nothing)", False),
        ("attribute_not_exists(nothing)", True),
        ("attribute_not_exists(id)", False),
        ("contains(tags, :x)", True),
        ("contains(tags, :a)", False),
        ("contains(#status, :o)", True),
        ("contains(nothing, :x)", False),
        ("contains(count, :x)", False),
        ("size(#list) = :two", True),
        ("size(tags) = :two", True),
        ("size(numbers) = :two", True),
        ("size(#status) = :two", False),
        ("size(count) = :two", False),
        ("size(nothing) = :two", False),
        # AND binds tighter than OR, and NOT tighter than both.
        ("id = :b OR id = :a AND id = :a", True),
        ("(id = :b OR id = :a) AND id = :a", False),
        ("NOT id = :a AND id = :b", True),
        ("NOT (id = :b AND #status = :open)", False),
        ("NOT NOT id = :b", True),
        ("id = :a OR id = :a OR id = :b", True),
    ],
)
def test_condition(text: str, holds: bool) -> None:
    assert expressions.condition(request(Condition=text), "Condition")(ITEM) is holds


def test_condition_on_a_missing_item_and_without_an_expression() -> None:
    absent = expressions.condition(request(C="attribute_not_exists(id)"), "C")
    assert absent({})
    assert expressions.condition({}, "C")({})


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("SET id = :a", {"id": {"S": "a"}}),
        ("SET id = :a, #status = :b", {"id": {"S": "a"}, "status": {"S": "b"}}),
        ("SET id = #status, #status = id", {"id": {"S": "open"}, "status": {"S": "b"}}),
        ("SET new = if_not_exists(new, :a)", {"new": {"S": "a"}}),
        ("SET id = if_not_exists(id, :a)", {}),
        ("SET new = :list", {"new": {"L": [{"S": "c"}]}}),
        (
            "SET #list = list_append(#list, :list)",
            {"list": {"L": [{"S": "a"}, {"S": "b"}, {"S": "c"}]}},
        ),
        (
            "SET new = list_append(if_not_exists(new, :list), :list)",
            {"new": {"L": [{"S": "c"}] * 2}},
        ),
        ("REMOVE id, nothing", {"id": None}),
        ("ADD count :two", {"count": {"N": "12"}}),
        ("ADD decimal :two", {"decimal": {"N": "12"}}),
        ("ADD new :two", {"new": {"N": "2"}}),
        ("ADD tags :more", {"tags": {"SS": ["x", "y", "z"]}}),
        ("ADD new :more", {"new": {"SS": ["y", "z"]}}),
        ("ADD numbers :numbers", {"numbers": {"NS": ["1", "2.0", "3"]}}),
        ("ADD bytes :bytes", {"bytes": {"BS": ["eA==", "eQ=="]}}),
        ("DELETE tags :more", {"tags": {"SS": ["x"]}}),
        ("DELETE tags :tags", {"tags": None}),
        ("DELETE new :tags", {}),
        ("DELETE numbers :numbers", {"numbers": {"NS": ["1"]}}),
        ("DELETE bytes :bytes", {"bytes": None}),
        (
            "DELETE tags :tags ADD #list_of_tags :tags",
            {"tags": None, "list_of_tags": {"SS": ["y", "x"]}},
        ),
        (
            "SET id = :a REMOVE #list ADD count :ten",
            {"id": {"S": "a"}, "list": None, "count": {"N": "20"}},
        ),
    ],
)
def test_update(text: str, changes: dict[str, Any]) -> None:
    before = repr(ITEM)
    updated = expressions.update(request(UpdateExpression=text), ITEM)
    expected = {**ITEM, **changes}
    assert updated == {name: value for name, value in expected.items() if value is not None}
    assert repr(ITEM) == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id = :b", KeyCondition("b", [])),
        ("id = :b AND #status >= :open", KeyCondition("b", [(">=", "open")])),
        ("(#status < :a AND id = :b)", KeyCondition("b", [("<", "a")])),
        ("#status = :a AND id = :b", KeyCondition("b", [("=", "a")])),
        (
            "id = :b AND #status BETWEEN :a AND :open",
            KeyCondition("b", [(">=", "a"), ("<=", "open")]),
        ),
        (
            "#status BETWEEN :a AND :a AND id = :b",
            KeyCondition("b", [(">=", "a"), ("<=", "a")]),
        ),
        (
            "id = :b AND begins_with(#status, :open)",
            KeyCondition("b", [(">=", "open"), ("<", "opeo")]),
        ),
        (
            "begins_with(#status, :before_surrogates) AND id = :b",
            KeyCondition("b", [(">=", "a\ud7ff"), ("<", "a\ue000")]),
        ),
        (
            "begins_with(#status, :a_last) AND id = :b",
            KeyCondition("b", [(">=", "a\U0010ffff\U0010ffff"), ("<", "b")]),
        ),
        (
            "begins_with(#status, :last) AND id = :b",
            KeyCondition("b", [(">=", "\U0010ffff")]),
        ),
    ],
)
def test_key_condition(text: str, expected: KeyCondition) -> None:
    found = expressions.key_condition(request(KeyConditionExpression=text), ["id", "status"])
    assert found == expected


def test_projection() -> None:
    project = expressions.projection(request(ProjectionExpression="id, #status,nothing"))
    assert project(ITEM) == {"id": {"S": "b"}, "status": {"S": "open"}}
    assert expressions.projection({})(ITEM) is ITEM


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id = :b; id", "invalid character"),
        ("id =", "ends too early"),
        ("", "ends too early"),
        ("id <> :b", "> is not the name"),
        ("id BETWEEN :a AND :b", "BETWEEN is not supported"),
        ("id = :b id", "does not end before id"),
        ("(id = :b", "no ) before"),
        ("attribute_exists id", "no ( before id"),
        ("#unknown = :b", "#unknown is not the name"),
        (") = :b", ") is not the name"),
        ("id = :unknown", ":unknown is not defined"),
        ("a.b = :b", "invalid character"),
    ],
)
def test_rejects_invalid_conditions(text: str, message: str) -> None:
    with pytest.raises(EngineError) as error:
        expressions.condition(request(Condition=text), "Condition")(ITEM)
    assert (error.value.code, error.value.status) == ("ValidationException", 400)
    assert message in error.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MOVE tags :tags", "MOVE is not supported"),
        ("SET id :b", "no = before :b"),
        ("SET id = nothing", "does not exist"),
        ("SET new = list_append(nothing, :list)", "does not exist"),
        ("SET new = list_append(:list, nothing)", "does not exist"),
        ("SET new = list_append(id, :list)", "incorrect data type"),
        ("ADD id :two", "incorrect data type"),
        ("ADD count :tags", "incorrect data type"),
        ("ADD new :a", "incorrect data type"),
        ("ADD numbers :tags", "incorrect data type"),
        ("DELETE numbers :tags", "incorrect data type"),
        ("DELETE tags :x", "incorrect data type"),
        ("DELETE count :two", "incorrect data type"),
        ("ADD tags :no_tags", "may not be empty"),
        ("DELETE tags :no_tags", "may not be empty"),
        ("ADD tags :tags DELETE tags :more", "overlap"),
        ("SET id = :a REMOVE id", "overlap"),
    ],
)
def test_rejects_invalid_updates(text: str, message: str) -> None:
    with pytest.raises(EngineError) as error:
        expressions.update(request(UpdateExpression=text), ITEM)
    assert error.value.code == "ValidationException"
    assert message in error.value.message


@pytest.mark.parametrize(
    "text",
    [
        "#status = :b",
        "id > :b",
        "id = :b AND count = :ten",
        "id = :ten",
        "id = :b id IN :a",
        "id = :b AND id = :b",
        "id = :b AND #status > :a AND #status < :b",
        "id = :b AND #status > :empty",
        "id = :b AND #status IN :a",
        "id = :b AND #status BETWEEN :b AND :a",
        "begins_with(id, :b)",
        "id BETWEEN :b AND :b",
        "id = :b AND begins_with(#status, :empty)",
    ],
)
def test_rejects_key_conditions_that_are_not_supported(text: str) -> None:
    with pytest.raises(EngineError) as error:
        expressions.key_condition(request(KeyConditionExpression=text), ["id", "status"])
    assert error.value.code == "ValidationException"
