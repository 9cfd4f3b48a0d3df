"""Tests of the flow in `deploy/connect/`: the rules of the Flow language, and whole calls."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from itsm_app import config
from itsm_app.connect.door import Door

from ..conftest import ON_MOTO, shared_app
from ..connect import contact_events
from ..connect.contact_events import ANNA, DOOR, INSTANCE, PRINTER, event
from ..support.connect_flow import Played, play, problems, reachable
from ..support.flask_run import ROOT

FLOW = json.loads((ROOT / "deploy" / "connect" / "service-desk-flow.json").read_text())
ACTIONS = {action["Identifier"]: action for action in FLOW["Actions"]}
TRANSFER, TRANSFERRED = "transfer", "TransferContactToQueue"


def test_flow_follows_the_flow_language() -> None:
    assert problems(FLOW) == []


def test_no_path_ends_before_an_attempt_to_transfer_the_caller() -> None:
    for name in reachable(FLOW, FLOW["StartAction"], without=TRANSFER):
        assert TRANSFER in reachable(FLOW, name)
        assert ACTIONS[name]["Type"] != "DisconnectParticipant"


def test_function_gets_the_time_that_it_needs_and_returns_texts() -> None:
    blocks = [each["Parameters"] for each in ACTIONS.values() if each["Type"].startswith("Invoke")]
    assert len(blocks) == 4
    for block in blocks:
        assert block["InvocationTimeLimitSeconds"] == "8"
        assert block["ResponseValidation"] == {"ResponseType": "STRING_MAP"}
        assert block["LambdaFunctionARN"].endswith(":snapstart")


def changed(name: str, member: str, **changes: Any) -> Callable[[dict[str, Any]], object]:
    def change(flow: dict[str, Any]) -> None:
        (action,) = (each for each in flow["Actions"] if each["Identifier"] == name)
        action[member].update(changes)

    return change


# Changes that break the flow, with the problem that the rules name.
BROKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "version": (lambda flow: flow.update(Version="2019"), "Version"),
    "start": (lambda flow: flow.update(StartAction="x"), "StartAction"),
    "action twice": (lambda flow: flow["Actions"].append(flow["Actions"][0]), "Actions: names"),
    "unknown type": (lambda flow: flow["Actions"][0].update(Type="Call"), "begin call: Type"),
    "identifier": (lambda flow: flow["Actions"][0].update(Identifier="a:b"), "a:b: Identifier"),
    "member": (lambda flow: flow["Actions"][0].update(Comment=""), "begin call: members"),
    "9 seconds": (
        changed("begin call", "Parameters", InvocationTimeLimitSeconds="9"),
        "begin call: Parameters",
    ),
    "response": (
        changed("begin call", "Parameters", ResponseValidation={"ResponseType": "TEXT"}),
        "begin call: Parameters",
    ),
    "unknown parameter": (changed("transfer", "Parameters", QueueId="q"), "transfer: Parameters"),
    "no queue": (changed("set queue", "Parameters", QueueId=""), "set queue: Parameters"),
    "no path": (
        changed("menu", "Transitions", NextAction="nowhere"),
        "menu: leads to 'nowhere'",
    ),
    "no error branch": (changed("transfer", "Transitions", Errors=[]), "transfer: Errors"),
    "menu without time-out": (
        lambda flow: changed(
            "menu", "Transitions", Errors=ACTIONS["menu"]["Transitions"]["Errors"][1:]
        )(flow),
        "menu: Errors",
    ),
    "conditions of a message": (
        changed(
            "say busy",
            "Transitions",
            Conditions=[
                {"NextAction": "end", "Condition": {"Operator": "Equals", "Operands": ["1"]}}
            ],
        ),
        "say busy: Conditions",
    ),
    "endless loop": (
        lambda flow: changed(
            "count lookups",
            "Transitions",
            Conditions=ACTIONS["count lookups"]["Transitions"]["Conditions"][:1],
        )(flow),
        "count lookups: Conditions",
    ),
    "terminal": (
        changed("end", "Transitions", NextAction="menu", Errors=[], Conditions=[]),
        "end: Transitions",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_rules_name_the_problem_of_a_broken_flow(case: str) -> None:
    change, problem = BROKEN[case]
    flow = copy.deepcopy(FLOW)
    change(flow)
    assert problem in problems(flow)


Invoke = Callable[[dict[str, str]], Any]


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, engine: str) -> Invoke:
    """Return the function as a flow of Anna's call invokes it."""
    contact_events.store()
    monkeypatch.setattr(config, "CONNECT_INSTANCES", INSTANCE)
    door = Door(shared_app())
    return lambda sent: door.respond(event(None, ANNA, **sent), "request-1")


@ON_MOTO
class TestCall:
    def call(self, invoke: Invoke, *keys: str, full: int = 0) -> Played:
        played = play(FLOW, invoke, [*keys], free_attempts=full)
        queue = ACTIONS["set queue"]["Parameters"]["QueueId"]
        assert played.queue == queue, "a caller never leaves without a queue"
        return played

    def test_caller_hears_a_ticket_and_is_handed_over(self, door: Invoke) -> None:
        played = self.call(door, "1", PRINTER.replace("-", ""), "2")
        assert played.heard[0] == contact_events.BEGUN["say"]
        assert contact_events.PRINTER_STATUS["say"] in played.heard
        assert (played.heard[-1], played.end) == (contact_events.TAKES_OVER, TRANSFERRED)
        # The hand-over is for the newest open ticket.
        status = door({"operation": "get_ticket_status", "ticket_number": DOOR})
        assert status["ticket_handover"] == "waiting"

    @pytest.mark.parametrize(
        "keys", [("3",), (), ("9",), ("1",) * 20], ids=["3", "nothing", "9", "wrong numbers"]
    )
    def test_other_keys_hand_over_a_new_ticket(self, door: Invoke, keys: tuple[str, ...]) -> None:
        played = self.call(door, *keys)
        assert (played.heard[-1], played.end) == (contact_events.TAKES_OVER, TRANSFERRED)
        begun = door({"operation": "begin_call"})
        assert begun["ticket_1_issue_description"] == "The caller wants to speak to a person."

    @pytest.mark.parametrize("broken", ["begin_call", "get_ticket_status", "hand_over"])
    @pytest.mark.parametrize("answer", [None, {"ok": "false", "code": "c", "say": "No."}])
    def test_caller_is_transferred_if_the_function_fails(
        self, door: Invoke, broken: str, answer: Any
    ) -> None:
        number = PRINTER.replace("-", "")
        played = self.call(
            lambda sent: answer if sent["operation"] == broken else door(sent), "1", number, "2"
        )
        assert played.end == TRANSFERRED

    def test_caller_waits_while_the_queue_is_full(self, door: Invoke) -> None:
        played = self.call(door, full=3)
        assert (sum("busy" in text for text in played.heard), played.end) == (3, TRANSFERRED)

    @pytest.mark.parametrize(
        ("is_up", "last_words"), [(True, "calls you back"), (False, "call again later")]
    )
    def test_caller_hears_what_happens_next_if_the_queue_stays_full(
        self, door: Invoke, is_up: bool, last_words: str
    ) -> None:
        played = self.call(door if is_up else lambda _: None, full=1000)
        assert played.end == "DisconnectParticipant"
        assert last_words in played.heard[-1]
