"""The rules of the Amazon Connect Flow language, and a player of flows.

The rules are those of "Amazon Connect Flow language" in the Amazon Connect API Reference, as of
November 2026, for the action types that the flow in `deploy/connect/` uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

FORBIDDEN = set("%:(\\/)=$,;[]{}")
# A JSONPath identifier of the flow run data, as the flow's actions use it.
REFERENCE = re.compile(r"\$\.(External|Attributes)\.\w+|\$\.StoredCustomerInput")
OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "Equals": lambda value, operand: value == operand,
    "TextContains": lambda value, operand: operand in value,
    "NumberGreaterThan": lambda value, operand: float(value or "nan") > float(operand),
}


class Rule(NamedTuple):
    """What the language says about an action type. `results` are the results of conditions."""

    required: frozenset[str]
    optional: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    has_conditions: bool = False
    results: frozenset[str] = frozenset()
    is_terminal: bool = False


def _rule(required: str = "", optional: str = "", errors: str = "", **rest: Any) -> Rule:
    names = [frozenset(each.split()) for each in (required, optional, errors)]
    return Rule(names[0], names[1], names[2], **rest)


RULES = {
    "MessageParticipant": _rule("Text", errors="NoMatchingError"),
    "GetParticipantInput": _rule(
        "Text InputTimeLimitSeconds StoreInput",
        "InputValidation",
        "NoMatchingError",
        has_conditions=True,
    ),
    "InvokeLambdaFunction": _rule(
        "LambdaFunctionARN InvocationTimeLimitSeconds InvocationType LambdaInvocationAttributes"
        " ResponseValidation",
        errors="NoMatchingError",
    ),
    "Compare": _rule("ComparisonValue", errors="NoMatchingCondition", has_conditions=True),
    "Loop": _rule(
        "LoopCount",
        has_conditions=True,
        results=frozenset({"ContinueLooping", "DoneLooping"}),
    ),
    "UpdateContactAttributes": _rule("Attributes TargetContact", errors="NoMatchingError"),
    "UpdateContactTargetQueue": _rule("QueueId", errors="NoMatchingError"),
    "TransferContactToQueue": _rule(errors="QueueAtCapacity NoMatchingError"),
    "DisconnectParticipant": _rule(is_terminal=True),
}


def problems(flow: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a flow, in the order of its actions."""
    names = [action["Identifier"] for action in flow["Actions"]]
    found = [] if flow["Version"] == "2019-10-30" else ["Version"]
    found += [] if len(names) == len({*names}) <= 250 else ["Actions: names"]
    found += [] if flow["StartAction"] in names else ["StartAction"]
    found += [] if {*flow["Metadata"]["ActionMetadata"]} == {*names} else ["Metadata"]
    for action in flow["Actions"]:
        found += [f"{action['Identifier']}: {each}" for each in _action_problems(action, names)]
    reached = reachable(flow, flow["StartAction"])
    found += [f"{name}: never reached" for name in names if name not in reached]
    return found


def _action_problems(action: Mapping[str, Any], names: list[str]) -> Iterator[str]:
    name, rule = action["Identifier"], RULES.get(action["Type"])
    if not 1 <= len(name) <= 50 or FORBIDDEN & {*name}:
        yield "Identifier"
    if rule is None:
        yield "Type"
        return
    if {*action} != {"Identifier", "Type", "Parameters", "Transitions"}:
        yield "members"
    given = {*action["Parameters"]}
    if not rule.required <= given <= rule.required | rule.optional:
        yield "Parameters"
    else:
        yield from _parameter_problems(action["Type"], action["Parameters"])
    transitions = action["Transitions"]
    if rule.is_terminal:
        if transitions:
            yield "Transitions"
        return
    if {*transitions} != {"NextAction", "Errors", "Conditions"}:
        yield "Transitions"
        return
    for target in _targets(transitions):
        if target not in names:
            yield f"leads to {target!r}"
    errors = [each["ErrorType"] for each in transitions["Errors"]]
    if sorted(errors) != sorted(_required_errors(action, rule)):
        yield "Errors"
    yield from _condition_problems(action, rule)


def _required_errors(action: Mapping[str, Any], rule: Rule) -> frozenset[str]:
    is_menu = action["Parameters"].get("StoreInput") == "False"
    return rule.errors | ({"InputTimeLimitExceeded", "NoMatchingCondition"} if is_menu else set())


def _condition_problems(action: Mapping[str, Any], rule: Rule) -> Iterator[str]:
    conditions = [each["Condition"] for each in action["Transitions"]["Conditions"]]
    allowed = rule.has_conditions and action["Parameters"].get("StoreInput") != "True"
    if bool(conditions) != allowed:
        yield "Conditions"
    for condition in conditions:
        texts = condition["Operands"]
        if condition["Operator"] not in OPERATORS or not (
            len(texts) == 1 and isinstance(texts[0], str)
        ):
            yield "Condition"
    if rule.results and {each["Operands"][0] for each in conditions} != rule.results:
        yield "Conditions"


def _parameter_problems(kind: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    wrong: dict[str, Callable[[], bool]] = {
        "MessageParticipant": lambda: not parameters["Text"],
        "GetParticipantInput": lambda: (
            not _is_number(parameters["InputTimeLimitSeconds"], 180)
            or parameters["StoreInput"] not in ("True", "False")
            or (parameters["StoreInput"] == "True") != ("InputValidation" in parameters)
        ),
        "InvokeLambdaFunction": lambda: (
            not re.fullmatch(
                r"arn:aws:lambda:[\w-]+:\d{12}:function:[\w-]+:\w+", parameters["LambdaFunctionARN"]
            )
            or not _is_number(parameters["InvocationTimeLimitSeconds"], 8)
            or parameters["InvocationType"] not in ("SYNCHRONOUS", "ASYNCHRONOUS")
            or parameters["ResponseValidation"]["ResponseType"] not in ("STRING_MAP", "JSON")
            or not _are_texts(parameters["LambdaInvocationAttributes"])
        ),
        "Compare": lambda: not REFERENCE.fullmatch(parameters["ComparisonValue"]),
        "Loop": lambda: not _is_number(parameters["LoopCount"], 100),
        "UpdateContactAttributes": lambda: (
            parameters["TargetContact"] not in ("Current", "Related")
            or not _are_texts(parameters["Attributes"])
        ),
        "UpdateContactTargetQueue": lambda: (
            not re.fullmatch(
                r"arn:aws:connect:[\w-]+:\d{12}:instance/[\w-]+/queue/[\w-]+", parameters["QueueId"]
            )
        ),
    }
    if kind in wrong and wrong[kind]():
        yield "Parameters"


def _is_number(text: Any, largest: int) -> bool:
    return isinstance(text, str) and text.isdecimal() and 1 <= int(text) <= largest


def _are_texts(values: Mapping[str, Any]) -> bool:
    return all(
        isinstance(text, str) and (not text.startswith("$") or REFERENCE.fullmatch(text))
        for text in values.values()
    )


def _targets(transitions: Mapping[str, Any]) -> list[str]:
    if not transitions:
        return []
    branches = [*transitions["Errors"], *transitions["Conditions"]]
    return [transitions["NextAction"], *(each["NextAction"] for each in branches)]


def reachable(flow: Mapping[str, Any], start: str, without: str | None = None) -> set[str]:
    """Return the actions that a contact can reach from `start` without the action `without`."""
    actions = {each["Identifier"]: each for each in flow["Actions"]}
    found, waiting = set[str](), [start]
    while waiting:
        name = waiting.pop()
        if name in found or name == without or name not in actions:
            continue
        found.add(name)
        waiting += _targets(actions[name]["Transitions"])
    return found


class Played(NamedTuple):
    """What a contact heard, how the call ended, and with which queue."""

    heard: list[str]
    end: str
    queue: str | None


def play(
    flow: Mapping[str, Any],
    invoke: Callable[[dict[str, str]], Mapping[str, str] | None],
    keys: list[str],
    *,
    free_attempts: int = 0,
) -> Played:
    """Play a flow for a caller who presses these keys, and then nothing more.

    Args:
        flow: the flow.
        invoke: Return the function's response to the parameters, or None for an error.
        keys: What the caller enters, one text for each question.
        free_attempts: How many transfers fail because the queue is full.
    """
    actions = {each["Identifier"]: each for each in flow["Actions"]}
    data: dict[str, str] = {}
    loops: dict[str, int] = {}
    entered, heard = iter(keys), list[str]()
    queue, name = None, flow["StartAction"]

    def value(text: str) -> str:
        return REFERENCE.sub(lambda found: data.get(found[0], ""), text)

    while True:
        action = actions[name]
        kind, parameters, transitions = action["Type"], action["Parameters"], action["Transitions"]
        error, result = None, None
        if kind == "DisconnectParticipant":
            return Played(heard, kind, queue)
        if kind == "TransferContactToQueue":
            if not free_attempts:
                return Played(heard, kind, queue)
            free_attempts -= 1
            error = "QueueAtCapacity"
        elif kind == "MessageParticipant":
            heard.append(value(parameters["Text"]))
        elif kind == "GetParticipantInput":
            heard.append(value(parameters["Text"]))
            result = next(entered, None)
            if parameters["StoreInput"] == "True":
                data["$.StoredCustomerInput"] = result or "Timeout"
            elif result is None:
                error = "InputTimeLimitExceeded"
        elif kind == "InvokeLambdaFunction":
            sent = parameters["LambdaInvocationAttributes"]
            response = invoke({key: value(text) for key, text in sent.items()})
            error = "NoMatchingError" if response is None else None
            data = {each: data[each] for each in data if not each.startswith("$.External.")}
            data |= {f"$.External.{key}": text for key, text in (response or {}).items()}
        elif kind == "Compare":
            result = value(parameters["ComparisonValue"])
        elif kind == "Loop":
            loops[name] = loops.get(name, 0) + 1
            is_done = loops[name] > int(parameters["LoopCount"])
            result = "DoneLooping" if is_done else "ContinueLooping"
        elif kind == "UpdateContactAttributes":
            changes = parameters["Attributes"].items()
            data |= {f"$.Attributes.{key}": value(text) for key, text in changes}
        else:
            queue = parameters["QueueId"]
        name = _next(transitions, error, result)


def _next(transitions: Mapping[str, Any], error: str | None, result: str | None) -> str:
    if error is None and transitions["Conditions"]:
        for each in transitions["Conditions"]:
            condition = each["Condition"]
            if OPERATORS[condition["Operator"]](result or "", condition["Operands"][0]):
                return str(each["NextAction"])
        error = "NoMatchingCondition"
    for each in transitions["Errors"]:
        if each["ErrorType"] == error:
            return str(each["NextAction"])
    return str(transitions["NextAction"])
