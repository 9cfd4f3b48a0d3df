"""Tests that a deployed stage lets Amazon Connect call it, with a local AWS that enforces IAM."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy

from ..connect.contact_events import INSTANCE, TAKES_OVER, changed, event
from ..support.aws import ACCOUNT, REGION, ROOT, Aws
from ..support.browser import chromium, through_proxy
from ..support.connect_flow import play
from ..support.deployment import ALIAS_ARN, FUNCTION, Api, Clone
from .test_rehearsal_permissions import Call, is_denied
from .test_rehearsal_search import denied_to_deployer, variables

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the Lambda runs Python 3.12"),
]

UPDATE = "zappa update poc"
FLOW = ROOT / "deploy" / "connect" / "service-desk-flow.json"
OTHER_ACCOUNT = "210987654321"
# An instance of another account and region.
OTHER_INSTANCE = f"arn:aws:connect:eu-west-2:{OTHER_ACCOUNT}:instance/d9d1e68d-2200-4265-82c0-1"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}"
CONNECT = "connect.amazonaws.com"
SELECTOR = {"FunctionName": FUNCTION, "Qualifier": "snapstart"}
INVOKE = {"Action": "lambda:InvokeFunction", "Principal": CONNECT}


@pytest.fixture(scope="module")
def connected(aws: Aws, deployer: Clone) -> Iterator[Clone]:
    """Let two instances call the stage `poc`, and none at the end."""
    deployer.set_variables(CONNECT_INSTANCES=f"{INSTANCE}, {OTHER_INSTANCE}")
    deployer.run(UPDATE)
    yield deployer
    deployer.set_variables(CONNECT_INSTANCES=None)
    deployer.run(UPDATE)
    assert statements(aws) == []


def statements(aws: Aws) -> list[dict[str, Any]]:
    """Return the statements of the policy of the alias, without their IDs."""
    client = aws.client("lambda")
    try:
        policy = json.loads(client.get_policy(**SELECTOR)["Policy"])
    except client.exceptions.ResourceNotFoundException:
        return []
    found = sorted(policy["Statement"], key=lambda each: str(each["Condition"]))
    return [{key: each[key] for key in each if key != "Sid"} for each in found]


def statement(instance: str, account: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": CONNECT},
        "Action": "lambda:InvokeFunction",
        "Resource": ALIAS_ARN,
        "Condition": {
            "ArnLike": {"AWS:SourceArn": instance},
            "StringEquals": {"AWS:SourceAccount": account},
        },
    }


GRANTED = [statement(OTHER_INSTANCE, OTHER_ACCOUNT), statement(INSTANCE, ACCOUNT)]
GRANTED.sort(key=lambda each: str(each["Condition"]))


def test_policy_has_exactly_one_statement_for_each_instance(aws: Aws, connected: Clone) -> None:
    assert statements(aws) == GRANTED
    client = aws.client("lambda")
    whole = json.loads(client.get_policy(FunctionName=FUNCTION)["Policy"])["Statement"]
    assert {each["Resource"] for each in whole} == {ALIAS_ARN}


# Who invokes what, and whether the policy admits it: service, instance, account, function.
INVOCATIONS = {
    "the instance": (CONNECT, INSTANCE, ACCOUNT, ALIAS_ARN, True),
    "the other instance": (CONNECT, OTHER_INSTANCE, OTHER_ACCOUNT, ALIAS_ARN, True),
    "an unknown instance": (CONNECT, f"{INSTANCE}0", ACCOUNT, ALIAS_ARN, False),
    "an instance of another account": (CONNECT, INSTANCE, OTHER_ACCOUNT, ALIAS_ARN, False),
    "instances that are mixed up": (CONNECT, OTHER_INSTANCE, ACCOUNT, ALIAS_ARN, False),
    "no instance": (CONNECT, "", ACCOUNT, ALIAS_ARN, False),
    "another service": ("s3.amazonaws.com", INSTANCE, ACCOUNT, ALIAS_ARN, False),
    "API Gateway": ("apigateway.amazonaws.com", INSTANCE, ACCOUNT, ALIAS_ARN, False),
    "the newest code": (CONNECT, INSTANCE, ACCOUNT, FUNCTION_ARN, False),
    "a version": (CONNECT, INSTANCE, ACCOUNT, f"{FUNCTION_ARN}:1", False),
}


@pytest.mark.parametrize("case", INVOCATIONS)
def test_policy_admits_only_amazon_connect_from_an_instance_of_its_account(
    aws: Aws, connected: Clone, case: str
) -> None:
    service, instance, account, function, admitted = INVOCATIONS[case]
    policy = aws.client("lambda").get_policy(FunctionName=FUNCTION)["Policy"]
    context = EvalContext(
        principal_arn="",
        principal_type="Service",
        principal_account="",
        action="lambda:InvokeFunction",
        resource_arn=function,
        region=REGION,
        service_context={"aws:sourcearn": instance, "aws:sourceaccount": account},
    )
    decision = evaluate_resource_policy(policy, context, service=service).decision
    assert decision == ("Allow" if admitted else "ImplicitDeny")


def test_second_update_changes_nothing(aws: Aws, connected: Clone) -> None:
    before = aws.client("lambda").get_policy(**SELECTOR)["Policy"]
    with denied_to_deployer(aws, "lambda:*Permission"):
        assert f"Amazon Connect may invoke {ALIAS_ARN}" in connected.run(UPDATE)
    assert aws.client("lambda").get_policy(**SELECTOR)["Policy"] == before


def test_update_repairs_statements_and_keeps_those_of_others(aws: Aws, connected: Clone) -> None:
    client = aws.client("lambda")
    policy = json.loads(client.get_policy(**SELECTOR)["Policy"])
    changed_one = policy["Statement"][0]["Sid"]
    client.remove_permission(StatementId=changed_one, **SELECTOR)
    client.add_permission(StatementId=changed_one, **INVOKE, SourceAccount=ACCOUNT, **SELECTOR)
    stale = {"StatementId": "itsm-connect-stale", **INVOKE, "SourceArn": f"{INSTANCE}0"}
    client.add_permission(**stale, **SELECTOR)
    client.add_permission(
        StatementId="of-another", **INVOKE, SourceArn=INSTANCE, SourceAccount=ACCOUNT, **SELECTOR
    )
    connected.run(UPDATE)
    client.remove_permission(StatementId="of-another", **SELECTOR)
    assert statements(aws) == GRANTED


def test_update_removes_an_instance_and_adds_it_again(aws: Aws, connected: Clone) -> None:
    connected.set_variables(CONNECT_INSTANCES=INSTANCE)
    connected.run(UPDATE)
    assert statements(aws) == [statement(INSTANCE, ACCOUNT)]
    assert say(aws, changed(event("begin_call"), InstanceARN=OTHER_INSTANCE))["ok"] == "false"
    connected.set_variables(CONNECT_INSTANCES=f"{INSTANCE}, {OTHER_INSTANCE}")
    connected.run(UPDATE)
    assert statements(aws) == GRANTED


def test_update_without_the_setting_admits_no_instance(aws: Aws, connected: Clone) -> None:
    connected.set_variables(CONNECT_INSTANCES=None)
    try:
        connected.run(UPDATE)
        assert statements(aws) == []
        assert variables(aws, FUNCTION)["CONNECT_INSTANCES"] == ""
        assert say(aws, event("begin_call"))["code"] == "unknown_instance"
    finally:
        connected.set_variables(CONNECT_INSTANCES=f"{INSTANCE}, {OTHER_INSTANCE}")
        connected.run(UPDATE)


def test_rollback_keeps_the_permission(aws: Aws, connected: Clone) -> None:
    # A rollback needs a release with other code.
    marked = connected.path / "itsm_app" / "__init__.py"
    code = marked.read_text()
    marked.write_text(f"{code}\n# Release 2\nRELEASE = 2\n")
    try:
        connected.run(UPDATE)
        connected.run("zappa rollback poc")
        assert statements(aws) == GRANTED
        assert say(aws, event("begin_call"))["ok"] == "true"
    finally:
        marked.write_text(code)
        connected.run(UPDATE)
    assert statements(aws) == GRANTED


def test_malformed_setting_stops_the_update_before_it_changes_anything(
    aws: Aws, connected: Clone
) -> None:
    def state() -> tuple[Any, ...]:
        client = aws.client("lambda")
        function = client.get_function_configuration(FunctionName=FUNCTION)
        versions = client.list_versions_by_function(FunctionName=FUNCTION)["Versions"]
        return function["RevisionId"], len(versions), statements(aws)

    before = state()
    connected.set_variables(CONNECT_INSTANCES=f"{INSTANCE},{INSTANCE}*")
    try:
        rejected = connected.run_unchecked(UPDATE)
    finally:
        connected.set_variables(CONNECT_INSTANCES=f"{INSTANCE}, {OTHER_INSTANCE}")
    assert (rejected.returncode, "Traceback" in rejected.stderr) == (1, False)
    assert "Entry 2 of CONNECT_INSTANCES is malformed" in rejected.stderr
    assert state() == before


def test_update_names_the_permission_that_the_deployer_lacks(aws: Aws, connected: Clone) -> None:
    client = aws.client("lambda")
    policy = json.loads(client.get_policy(**SELECTOR)["Policy"])
    client.remove_permission(StatementId=policy["Statement"][0]["Sid"], **SELECTOR)
    try:
        with denied_to_deployer(aws, "lambda:AddPermission"):
            rejected = connected.run_unchecked(UPDATE)
    finally:
        connected.run(UPDATE)
    assert (rejected.returncode, "Traceback" in rejected.stderr) == (1, False)
    assert f"AWS denied AddPermission. `{UPDATE}` needs this permission." in rejected.stderr
    assert statements(aws) == GRANTED


def open_to(principal: str, **changes: Any) -> Call:
    """Return a request that lets a principal invoke the alias, or another qualifier."""
    wanted = {**SELECTOR, "Action": "lambda:InvokeFunction", "Principal": principal, **changes}
    arguments = {name: value for name, value in wanted.items() if value}
    return lambda client: client("lambda").add_permission(StatementId="opened", **arguments)


DENIED_TO_DEPLOYER: dict[str, Call] = {
    "open the alias to everybody": open_to("*"),
    "open the alias to another account": open_to(OTHER_ACCOUNT),
    "open the alias to a user": open_to(f"arn:aws:iam::{ACCOUNT}:user/poc-deployer"),
    "open the alias to another service": open_to("s3.amazonaws.com", SourceAccount=ACCOUNT),
    "open the alias to a similar name": open_to("connect.amazonaws.com.cn"),
    "open the newest code": open_to(CONNECT, Qualifier=None),
    "open a version": open_to(CONNECT, Qualifier="1"),
    "open another function": open_to(CONNECT, FunctionName="other", Qualifier=None),
    "remove a statement of another principal": lambda client: client("lambda").remove_permission(
        StatementId="of-s3", **SELECTOR
    ),
    "create a function URL": lambda client: client("lambda").create_function_url_config(
        FunctionName=FUNCTION, AuthType="NONE"
    ),
    "call the function": lambda client: client("lambda").invoke(FunctionName=ALIAS_ARN),
}


@pytest.mark.parametrize("case", DENIED_TO_DEPLOYER)
def test_deployer_cannot_open_the_function_to_others(aws: Aws, connected: Clone, case: str) -> None:
    client = aws.client("lambda")
    s3 = {"Principal": "s3.amazonaws.com", "Action": "lambda:InvokeFunction"}
    client.add_permission(StatementId="of-s3", **s3, SourceAccount=ACCOUNT, **SELECTOR)
    try:
        assert is_denied(aws, connected.keys, DENIED_TO_DEPLOYER[case])
    finally:
        client.remove_permission(StatementId="of-s3", **SELECTOR)
    assert statements(aws) == GRANTED


def test_deployer_may_open_the_alias_to_amazon_connect(aws: Aws, connected: Clone) -> None:
    """The attempts above fail because of the principal and the qualifier."""
    client = aws.client("lambda", connected.keys)
    client.add_permission(
        StatementId="opened", **INVOKE, SourceArn=INSTANCE, SourceAccount=ACCOUNT, **SELECTOR
    )
    client.remove_permission(StatementId="opened", **SELECTOR)
    assert statements(aws) == GRANTED


def say(aws: Aws, sent: dict[str, Any]) -> dict[str, str]:
    """Return the response of the alias to an event, as Amazon Connect gets it."""
    invoked = aws.client("lambda").invoke(FunctionName=ALIAS_ARN, Payload=json.dumps(sent))
    response = json.loads(invoked["Payload"].read())
    assert "FunctionError" not in invoked, response
    assert all(isinstance(value, str) for value in response.values())
    return dict(response)


class PhoneCall:
    """A call of a caller to the deployed stage. Each call has a contact ID of its own."""

    def __init__(self, aws: Aws, caller: str) -> None:
        self._aws, self._caller = aws, caller
        self.contact_id = str(uuid4())

    def run(self, operation: str, **parameters: str) -> dict[str, str]:
        """Run a Lambda block of the flow, which must succeed."""
        sent = changed(event(operation, self._caller, **parameters), ContactId=self.contact_id)
        response = say(self._aws, sent)
        assert (response["ok"], response["code"]) == ("true", "ok")
        return response


@pytest.fixture
def notice(aws: Aws, connected: Clone, api: Api) -> Iterator[str]:
    """Post a notice at the desk, which callers hear, and end it after the test."""
    text = f"E-mail is down {uuid4()}"
    posted = {"text": text, "minutes": 30}
    response = api.request("PUT", "/notice", role="desk", json=posted)
    assert response.status_code == 200
    # Every process of the function reads the notice at most once in 30 seconds.
    deadline = time.monotonic() + 60
    while PhoneCall(aws, "+15550100").run("begin_call").get("notice") != text:
        assert time.monotonic() < deadline
    yield text
    assert api.request("DELETE", "/notice", role="desk").status_code == 200


def test_whole_call_until_the_caller_hears_the_answer_of_the_desk(
    aws: Aws, connected: Clone, api: Api, caller: str, notice: str, tmp_path: Path
) -> None:
    known = api.create(caller, "The lift is stuck").json()
    first = PhoneCall(aws, caller)
    begun = first.run("begin_call")
    assert begun["notice"] == notice
    assert begun["say"].startswith(f"{notice}. ")
    counts = (begun["ticket_count"], begun["answer_count"])
    assert (begun["caller_known"], counts) == ("true", ("1", "0"))
    assert begun["ticket_1_number"] == known["ticket_number"]
    assert "The lift is stuck" in begun["say"]
    filed = first.run("create_ticket", issue_description="My printer is on fire")
    assert filed["ticket_spoken_number"] in filed["say"]
    assert filed["notice"] == notice
    # Amazon Connect sends an event again if the response is late.
    repeated = first.run("create_ticket", issue_description="My printer is on fire")
    assert (repeated["replayed"], repeated["ticket_number"]) == ("true", filed["ticket_number"])

    # The caller hangs up and calls again.
    second = PhoneCall(aws, caller)
    begun = second.run("begin_call")
    assert begun["ticket_count"] == "2"
    assert begun["ticket_1_number"] == filed["ticket_number"]
    summary = "The caller wants a person"
    handed = second.run("hand_over", ticket_number=filed["ticket_number"], summary=summary)
    assert (handed["handover"], handed["replayed"]) == ("waiting", "false")
    assert "A person of the service desk takes over." in handed["say"]

    with chromium(api.url, tmp_path, network=through_proxy(api.host, aws.internet.url)) as browser:
        browser.sign_in(api.keys["desk"])
        browser.go("/desk?view=waiting")
        browser.type("Find a ticket by its number, or a caller's tickets", filed["ticket_number"])
        browser.press("Find")
        assert summary in browser.find(".handover").text
        assert second.contact_id in browser.find(".handover").text
        browser.press("Take")
        browser.type("Answer", "Use the stairs until noon.")
        browser.press("Send answer")
        assert "Use the stairs until noon." in browser.text()

    third = PhoneCall(aws, caller)
    begun = third.run("begin_call")
    assert (begun["answer_count"], begun["answer_1_text"]) == ("1", "Use the stairs until noon.")
    assert begun["answer_1_ticket_number"] == filed["ticket_number"]
    assert "The service desk has answered." in begun["say"]
    assert third.run("begin_call")["answer_count"] == "1"
    status = third.run("get_ticket_status", ticket_number=filed["ticket_number"])
    assert (status["ticket_status"], status["ticket_handover"]) == ("open", "taken")
    assert status["ticket_latest_comment_by"] == "desk"
    assert PhoneCall(aws, caller).run("begin_call")["answer_count"] == "0"


def test_flow_hands_the_caller_over_with_the_deployed_function(
    aws: Aws, connected: Clone, api: Api, caller: str
) -> None:
    ticket = api.create(caller, "The lift is stuck").json()
    call = PhoneCall(aws, caller)
    keys = ["1", ticket["ticket_number"].replace("-", ""), "2"]
    played = play(json.loads(FLOW.read_text()), lambda sent: call.run(**sent), keys)
    assert "The lift is stuck" in played.heard[0]
    assert played.heard[2:] == [
        "Enter the twelve digits of the ticket number.",
        f"Ticket {ticket['spoken_number']} is open.",
        played.heard[1],
        TAKES_OVER,
    ]
    assert played.end == "TransferContactToQueue"
    waiting = api.request("GET", "/tickets", role="desk", params={"handover": "waiting"}).json()
    (found,) = (
        each for each in waiting["tickets"] if each["ticket_number"] == ticket["ticket_number"]
    )
    assert found["handover_since"]


def imitations(caller: str, number: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield requests that imitate the event of a call of `caller`: method, path, options."""
    forged = event("get_ticket_status", caller, ticket_number=number)
    pairs = {"Name": "ContactFlowEvent", "Details": json.dumps(forged["Details"])}
    for path in ("/", "/tickets", f"/tickets/{number}", "/mcp", "/ContactFlowEvent"):
        yield "POST", path, {"json": forged}
        for method in ("GET", "POST"):
            yield method, path, {"params": pairs}
            yield method, path, {"headers": pairs}


@pytest.mark.parametrize("key", ["", "agent"])
def test_request_to_api_gateway_cannot_imitate_an_event(
    aws: Aws, connected: Clone, api: Api, caller: str, key: str
) -> None:
    other = f"{caller[:-1]}{(int(caller[-1]) + 1) % 10}"
    secret = api.create(other, "A secret of another caller").json()
    headers = {"x-api-key": api.keys[key] if key else "", "X-Caller-Id": caller.replace("+", "%2B")}
    for method, path, options in imitations(other, secret["ticket_number"]):
        sent = {**options, "headers": {**headers, **options.get("headers", {})}}
        response = api.request(method, path, **sent)
        assert "A secret of another caller" not in response.text, path
        assert '"say"' not in response.text
        assert response.status_code < 500
    # The event itself reads the ticket.
    status = PhoneCall(aws, other).run("get_ticket_status", ticket_number=secret["ticket_number"])
    assert status["ticket_issue_description"] == "A secret of another caller"
