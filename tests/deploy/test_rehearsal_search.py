"""Tests that a stage turns search on and off, with a local AWS that enforces IAM."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..browser.test_search import FIELD, results
from ..support.aws import ACCOUNT, REGION, Aws
from ..support.browser import chromium, through_proxy
from ..support.deployment import BOUNDARY_ARN, FUNCTION, TABLE, Api, Clone, policy_command
from ..support.desk_server import SEARCH_SECONDS
from ..support.search_table import (
    SEARCH_TABLE,
    delete_index,
    documented_command,
    turn_off_stream,
)
from .test_rehearsal_permissions import ALLOW_ALL, KEY, LOG_EVENT, Call, is_denied

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the Lambda runs Python 3.12"),
]

HANDLER = "poc-itsm-stream-handler"
HANDLER_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{HANDLER}"
STREAM_ROLE = "poc-itsm-stream-role"
STREAM_ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{STREAM_ROLE}"
STREAM_BOUNDARY_ARN = f"arn:aws:iam::{ACCOUNT}:policy/poc-itsm-stream-boundary"
DEPLOYER_ARN = f"arn:aws:iam::{ACCOUNT}:policy/poc-deployer"
HANDLER_LOGS = f"/aws/lambda/{HANDLER}"
UPDATE = "zappa update poc"
MAPPING = {
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 4,
}
WAIT_SECONDS = 20
# A stream handler that logs the change of each record. The first call reports that its last record
# failed.
LOGGING_HANDLER = """
import json

failures = []

def stream_handler(event, context):
    records = event["Records"]
    for record in records:
        print(json.dumps({"sequence": record["dynamodb"]["SequenceNumber"]}))
    if failures:
        return {"batchItemFailures": []}
    failures.append({"itemIdentifier": records[-1]["dynamodb"]["SequenceNumber"]})
    return {"batchItemFailures": failures}
"""


@pytest.fixture(scope="module")
def searching(aws: Aws, deployer: Clone) -> Iterator[Clone]:
    """Turn search on in the stage `poc`, and off again at the end."""
    deployer.change_settings(search=True)
    create_index_and_stream(deployer)
    aws.make_policy(
        "poc-itsm-stream-boundary", deployer.run(policy_command("stream-role-policy", "poc"))
    )
    update_policies(aws, deployer)
    deployer.run(UPDATE)
    deployer.run_as_administrator(documented_command("rebuild-search"))
    yield deployer
    deployer.change_settings(search=None)
    deployer.run(UPDATE)
    update_policies(aws, deployer)
    turn_off_stream(aws)
    delete_index(aws)
    iam = aws.client("iam")
    iam.delete_role_policy(RoleName=STREAM_ROLE, PolicyName="permissions")
    iam.delete_role(RoleName=STREAM_ROLE)
    iam.delete_policy(PolicyArn=STREAM_BOUNDARY_ARN)


def create_index_and_stream(clone: Clone) -> None:
    clone.run_as_administrator(documented_command("init-db"))


def update_policies(aws: Aws, clone: Clone) -> None:
    """Update the boundary and the policy of the deployer, as an administrator."""
    policies = {"permissions-boundary": BOUNDARY_ARN, "deployer-policy": DEPLOYER_ARN}
    for name, arn in policies.items():
        policy = clone.run(policy_command(name, "poc"))
        aws.client("iam").create_policy_version(
            PolicyArn=arn, PolicyDocument=policy, SetAsDefault=True
        )


def mappings(aws: Aws) -> list[dict[str, Any]]:
    client = aws.client("lambda")
    return list(client.list_event_source_mappings(FunctionName=HANDLER)["EventSourceMappings"])


def stream_arn(aws: Aws) -> str:
    table = aws.client("dynamodb").describe_table(TableName=TABLE)["Table"]
    return str(table["LatestStreamArn"])


def variables(aws: Aws, function: str) -> dict[str, str]:
    found = aws.client("lambda").get_function_configuration(FunctionName=function)
    return dict(found["Environment"]["Variables"])


def function_names(aws: Aws) -> set[str]:
    functions = aws.client("lambda").list_functions()["Functions"]
    return {function["FunctionName"] for function in functions}


def test_word_of_a_comment_written_in_the_browser_finds_its_ticket_within_5_seconds(
    aws: Aws, searching: Clone, api: Api, deployed_ticket: str, tmp_path: Path
) -> None:
    flags = through_proxy(api.host, aws.internet.url)
    with chromium(api.url, tmp_path, network=flags) as browser:
        browser.sign_in(api.keys["desk"])
        browser.go(f"/desk/tickets/{deployed_ticket}")
        browser.type("Answer", "Ask the quokka!")
        browser.press("Send answer")
        deadline = time.monotonic() + SEARCH_SECONDS
        browser.type(FIELD, "QUOKKA")
        browser.press("Find")
        while not results(browser):
            assert time.monotonic() < deadline
            browser.press("Find")
        assert results(browser) == [f"{api.url}/desk/tickets/{deployed_ticket}"]
    found = api.request("GET", "/tickets?q=quokka", role="desk").json()["tickets"]
    assert [each["ticket_id"] for each in found] == [deployed_ticket]
    assert api.request("GET", "/tickets?q=quokka", role="agent").status_code == 400


def test_index_has_the_tickets_that_were_stored_before_search(
    aws: Aws, searching: Clone, api: Api
) -> None:
    command = documented_command("rebuild-search")
    rebuilt = searching.run_as_administrator(command)
    checked = searching.run_as_administrator(command.replace("rebuild", "check"))
    tickets = aws.client("dynamodb").scan(TableName=TABLE, Select="COUNT")["Count"]
    assert f"The search index has all {tickets} tickets." in rebuilt
    assert f"postings of {tickets} tickets, and no others." in checked
    delete = {"TableName": SEARCH_TABLE, "Key": any_posting(aws)}
    aws.client("dynamodb").delete_item(**delete)
    rejected = searching.run_unchecked(command.replace("rebuild", "check"), **aws.root)
    assert (rejected.returncode, "1 missing, 0 extra" in rejected.stdout) == (1, True)
    searching.run_as_administrator(command)


def any_posting(aws: Aws) -> dict[str, Any]:
    """Return the key of a posting."""
    keys = aws.client("dynamodb").scan(
        TableName=SEARCH_TABLE,
        ProjectionExpression="#p, #q",
        ExpressionAttributeNames={"#p": "partition", "#q": "position"},
    )["Items"]
    return next(key for key in keys if not key["partition"]["S"].startswith("#"))


def test_update_creates_the_stream_handler(aws: Aws, searching: Clone) -> None:
    client = aws.client("lambda")
    found = client.get_function(FunctionName=HANDLER)
    expected = {
        "Runtime": "python3.12",
        "Architectures": ["x86_64"],
        "MemorySize": 256,
        "Timeout": 60,
        "Role": STREAM_ROLE_ARN,
        "Handler": "stream_handler.stream_handler",
        "State": "Active",
    }
    configuration = found["Configuration"]
    assert {name: configuration[name] for name in expected} == expected
    assert configuration.get("SnapStart", {}).get("ApplyOn", "None") == "None"
    assert configuration["CodeSha256"] == code_of(aws, FUNCTION)
    assert found["Tags"] == {"application": "itsm-app"}
    assert variables(aws, HANDLER) == {
        "TABLE_NAME": TABLE,
        "REGION": REGION,
        "STAGE": "poc",
        "SEARCH_TABLE": SEARCH_TABLE,
    }
    (group,) = aws.client("logs").describe_log_groups(logGroupNamePrefix=HANDLER_LOGS)["logGroups"]
    assert group["retentionInDays"] == 30


def code_of(aws: Aws, function: str) -> str:
    found = aws.client("lambda").get_function_configuration(FunctionName=function)
    return str(found["CodeSha256"])


def test_update_maps_the_stream_to_the_stream_handler(aws: Aws, searching: Clone) -> None:
    (mapping,) = mappings(aws)
    assert {name: mapping[name] for name in MAPPING} == MAPPING
    assert mapping["EventSourceArn"] == stream_arn(aws)
    assert (mapping["StartingPosition"], mapping["State"]) == ("TRIM_HORIZON", "Enabled")


def test_api_function_knows_the_index_table(aws: Aws, searching: Clone) -> None:
    assert variables(aws, FUNCTION)["SEARCH_TABLE"] == SEARCH_TABLE


def test_role_of_the_stream_handler_has_its_own_boundary(aws: Aws, searching: Clone) -> None:
    role = aws.client("iam").get_role(RoleName=STREAM_ROLE)["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == STREAM_BOUNDARY_ARN
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_second_update_changes_nothing(aws: Aws, searching: Clone) -> None:
    def state() -> tuple[Any, ...]:
        function = aws.client("lambda").get_function_configuration(FunctionName=HANDLER)
        (mapping,) = mappings(aws)
        return function["RevisionId"], mapping["UUID"], mapping["LastModified"]

    before = state()
    searching.run(UPDATE)
    assert state() == before


def test_update_applies_changed_values(aws: Aws, searching: Clone) -> None:
    client = aws.client("lambda")
    (mapping,) = mappings(aws)
    client.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=7, ParallelizationFactor=1)
    client.update_function_configuration(
        FunctionName=HANDLER, Timeout=3, Environment={"Variables": {"TABLE_NAME": "other"}}
    )
    client.tag_resource(Resource=mapping["FunctionArn"], Tags={"application": "other"})
    searching.run(UPDATE)
    (repaired,) = mappings(aws)
    assert repaired["UUID"] == mapping["UUID"]
    assert {name: repaired[name] for name in MAPPING} == MAPPING
    function = client.get_function(FunctionName=HANDLER)
    assert function["Configuration"]["Timeout"] == 60
    assert function["Tags"] == {"application": "itsm-app"}
    assert variables(aws, HANDLER)["TABLE_NAME"] == TABLE


def test_update_maps_the_new_stream_after_the_stream_was_turned_off_and_on(
    aws: Aws, searching: Clone
) -> None:
    (old,) = mappings(aws)
    turn_off_stream(aws)
    try:
        rejected = searching.run_unchecked(UPDATE)
    finally:
        create_index_and_stream(searching)
    assert (rejected.returncode, "Traceback" in rejected.stderr) == (1, False)
    command = (
        f"LOCAL_DYNAMODB= TABLE_NAME={TABLE} SEARCH_TABLE={SEARCH_TABLE} REGION={REGION}"
        " flask init-db"
    )
    expected = f"The table {TABLE} has no stream with NEW_AND_OLD_IMAGES. An administrator"
    assert f"{expected} turns it on: {command}" in rejected.stderr
    searching.run(UPDATE)
    (new,) = mappings(aws)
    assert new["UUID"] != old["UUID"]
    assert new["EventSourceArn"] == stream_arn(aws) != old["EventSourceArn"]


def test_update_stops_if_there_is_no_index_table(aws: Aws, searching: Clone) -> None:
    delete_index(aws)
    try:
        rejected = searching.run_unchecked(UPDATE)
    finally:
        create_index_and_stream(searching)
    assert (rejected.returncode, "Traceback" in rejected.stderr) == (1, False)
    assert f"The table {SEARCH_TABLE} does not exist. An administrator creates" in rejected.stderr
    assert f"SEARCH_TABLE={SEARCH_TABLE} REGION={REGION} flask init-db" in rejected.stderr


@contextmanager
def denied_to_deployer(aws: Aws, action: str, resource: str = "*") -> Iterator[None]:
    iam, selector = aws.client("iam"), {"UserName": "poc-deployer", "PolicyName": "deny"}
    statement = {"Effect": "Deny", "Action": action, "Resource": resource}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_user_policy(**selector, PolicyDocument=json.dumps(policy))
    try:
        yield
    finally:
        iam.delete_user_policy(**selector)


@pytest.mark.parametrize("action", ["dynamodb:DescribeTable", "lambda:ListEventSourceMappings"])
def test_update_names_a_permission_for_search_that_the_deployer_lacks(
    aws: Aws, searching: Clone, action: str
) -> None:
    with denied_to_deployer(aws, action):
        rejected = searching.run_unchecked(UPDATE)
    assert (rejected.returncode, "Traceback" in rejected.stderr) == (1, False)
    operation = action.partition(":")[2]
    assert f"AWS denied {operation}. `{UPDATE}` needs this permission." in rejected.stderr


def test_undeploy_stops_before_it_asks(aws: Aws, searching: Clone) -> None:
    rejected = searching.run_unchecked("zappa undeploy poc")
    assert (rejected.returncode, "Are you sure" in rejected.stdout) == (1, False)
    assert f"`zappa undeploy poc` would not delete {HANDLER}. First" in rejected.stderr
    assert {FUNCTION, HANDLER} <= function_names(aws)


def test_update_without_the_setting_deletes_the_stream_handler(
    aws: Aws, searching: Clone, api: Api
) -> None:
    searching.change_settings(search=False)
    try:
        searching.run(UPDATE)
        assert HANDLER not in function_names(aws)
        assert mappings(aws) == []
        assert variables(aws, FUNCTION)["SEARCH_TABLE"] == ""
        assert api.request("GET", "/health").status_code == 200
        # The next update does not look for a stream handler.
        with denied_to_deployer(aws, "lambda:*", HANDLER_ARN):
            searching.run(UPDATE)
    finally:
        searching.change_settings(search=True)
        searching.run(UPDATE)
    assert len(mappings(aws)) == 1


def test_stream_handler_gets_each_change_until_it_has_succeeded(
    aws: Aws, searching: Clone, api: Api, caller: str
) -> None:
    handler = searching.path / "deploy/stream_handler.py"
    original = handler.read_text()
    handler.write_text(LOGGING_HANDLER)
    try:
        searching.run(UPDATE)
        ticket = api.create(caller).json()["ticket_id"]
        assert api.add_comment(ticket).status_code == 200

        def sequences() -> list[str]:
            events = aws.client("logs").filter_log_events(
                logGroupName=HANDLER_LOGS, filterPattern="sequence"
            )["events"]
            return [json.loads(event["message"])["sequence"] for event in events]

        # Two changes, and the one that the first call reported once more.
        wait_until(lambda: len(sequences()) >= 3)
        found = sequences()
        assert found == sorted(found)
        assert len(found) == len({*found}) + 1
    finally:
        handler.write_text(original)
        searching.run(UPDATE)


def wait_until(is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


INDEX_KEY = {"partition": {"S": "a#0"}, "position": {"S": "b"}}
ALLOWED_TO_STREAM_ROLE: dict[str, Call] = {
    "dynamodb:BatchWriteItem": lambda client: client("dynamodb").batch_write_item(
        RequestItems={SEARCH_TABLE: [{"PutRequest": {"Item": INDEX_KEY}}]}
    ),
    "dynamodb:DeleteItem": lambda client: client("dynamodb").delete_item(
        TableName=SEARCH_TABLE, Key=INDEX_KEY
    ),
    "dynamodb:PutItem": lambda client: client("dynamodb").put_item(
        TableName=SEARCH_TABLE, Item=INDEX_KEY
    ),
    "dynamodb:UpdateItem": lambda client: client("dynamodb").update_item(
        TableName=SEARCH_TABLE, Key=INDEX_KEY
    ),
    "logs:CreateLogStream": lambda client: client("logs").create_log_stream(
        logGroupName=HANDLER_LOGS, logStreamName="role"
    ),
    "logs:PutLogEvents": lambda client: client("logs").put_log_events(
        logGroupName=HANDLER_LOGS, logStreamName="role", logEvents=[LOG_EVENT]
    ),
}
DENIED_TO_STREAM_ROLE: dict[str, Call] = {
    "read a ticket": lambda client: client("dynamodb").get_item(TableName=TABLE, Key=KEY),
    "read tickets": lambda client: client("dynamodb").batch_get_item(
        RequestItems={TABLE: {"Keys": [KEY]}}
    ),
    "read all tickets": lambda client: client("dynamodb").scan(TableName=TABLE),
    "write a ticket": lambda client: client("dynamodb").put_item(TableName=TABLE, Item=KEY),
    "delete a ticket": lambda client: client("dynamodb").delete_item(TableName=TABLE, Key=KEY),
    "write tickets": lambda client: client("dynamodb").batch_write_item(
        RequestItems={TABLE: [{"PutRequest": {"Item": KEY}}]}
    ),
    "read the index": lambda client: client("dynamodb").get_item(
        TableName=SEARCH_TABLE, Key=INDEX_KEY
    ),
    "read the whole index": lambda client: client("dynamodb").scan(TableName=SEARCH_TABLE),
    "delete the index": lambda client: client("dynamodb").delete_table(TableName=SEARCH_TABLE),
    "call the API function": lambda client: client("lambda").invoke(FunctionName=FUNCTION),
    "call itself": lambda client: client("lambda").invoke(FunctionName=HANDLER),
    "write the log of the API": lambda client: client("logs").create_log_stream(
        logGroupName=f"/aws/lambda/{FUNCTION}", logStreamName="a"
    ),
    "change its boundary": lambda client: client("iam").delete_role_permissions_boundary(
        RoleName=STREAM_ROLE
    ),
}
DENIED_TO_API_ROLE: dict[str, Call] = {
    "read a whole index": lambda client: client("dynamodb").scan(TableName=SEARCH_TABLE),
    "read an item of the index": DENIED_TO_STREAM_ROLE["read the index"],
    "put into the index": ALLOWED_TO_STREAM_ROLE["dynamodb:PutItem"],
    "write many into the index": ALLOWED_TO_STREAM_ROLE["dynamodb:BatchWriteItem"],
    "delete from the index": ALLOWED_TO_STREAM_ROLE["dynamodb:DeleteItem"],
    "write many tickets": DENIED_TO_STREAM_ROLE["write tickets"],
    "read the stream": lambda client: client("dynamodbstreams").list_streams(TableName=TABLE),
}
DENIED_TO_DEPLOYER: dict[str, Call] = {
    "read the index": DENIED_TO_STREAM_ROLE["read the whole index"],
    "delete the index": DENIED_TO_STREAM_ROLE["delete the index"],
    "turn off the stream": lambda client: client("dynamodb").update_table(
        TableName=TABLE, StreamSpecification={"StreamEnabled": False}
    ),
    "read the stream": DENIED_TO_API_ROLE["read the stream"],
    "map the stream to another function": lambda client: client(
        "lambda"
    ).create_event_source_mapping(
        FunctionName=FUNCTION,
        EventSourceArn=f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}/stream/any",
        StartingPosition="LATEST",
    ),
    "create the role without its boundary": lambda client: client("iam").create_role(
        RoleName=STREAM_ROLE, AssumeRolePolicyDocument="{}"
    ),
    "give the role the boundary of the API": lambda client: client(
        "iam"
    ).put_role_permissions_boundary(RoleName=STREAM_ROLE, PermissionsBoundary=BOUNDARY_ARN),
    "remove the boundary": DENIED_TO_STREAM_ROLE["change its boundary"],
    "change the boundary": lambda client: client("iam").create_policy_version(
        PolicyArn=STREAM_BOUNDARY_ARN, PolicyDocument=ALLOW_ALL, SetAsDefault=True
    ),
    "call the stream handler": DENIED_TO_STREAM_ROLE["call itself"],
}


def test_role_of_the_stream_handler_allows_what_the_handler_needs(
    aws: Aws, searching: Clone
) -> None:
    keys = aws.keys_of_role(STREAM_ROLE)
    for action, call in ALLOWED_TO_STREAM_ROLE.items():
        assert not is_denied(aws, keys, call), action


@pytest.mark.parametrize("case", DENIED_TO_STREAM_ROLE)
def test_role_of_the_stream_handler_is_denied_other_actions(
    aws: Aws, searching: Clone, case: str
) -> None:
    assert is_denied(aws, aws.keys_of_role(STREAM_ROLE), DENIED_TO_STREAM_ROLE[case])


def test_role_of_the_api_reads_the_index_and_the_tickets_that_a_search_finds(
    aws: Aws, searching: Clone
) -> None:
    client = aws.client("dynamodb", aws.keys_of_role("poc-itsm-lambda-role"))
    condition = {
        "KeyConditionExpression": "#p = :p",
        "ExpressionAttributeNames": {"#p": "partition"},
        "ExpressionAttributeValues": {":p": {"S": "a#0"}},
    }
    assert "Items" in client.query(TableName=SEARCH_TABLE, **condition)
    assert "Responses" in client.batch_get_item(RequestItems={TABLE: {"Keys": [KEY]}})


@pytest.mark.parametrize("case", DENIED_TO_API_ROLE)
def test_role_of_the_api_is_denied_other_actions(aws: Aws, searching: Clone, case: str) -> None:
    assert is_denied(aws, aws.keys_of_role("poc-itsm-lambda-role"), DENIED_TO_API_ROLE[case])


@pytest.mark.parametrize("case", DENIED_TO_DEPLOYER)
def test_deployer_is_denied_other_actions(aws: Aws, searching: Clone, case: str) -> None:
    assert is_denied(aws, searching.keys, DENIED_TO_DEPLOYER[case])


def test_deployer_cannot_give_the_stream_handler_more_than_its_boundary(
    aws: Aws, searching: Clone
) -> None:
    selector = {"RoleName": STREAM_ROLE, "PolicyName": "permissions"}
    aws.client("iam", searching.keys).put_role_policy(**selector, PolicyDocument=ALLOW_ALL)
    try:
        keys = aws.keys_of_role(STREAM_ROLE)
        cases = DENIED_TO_STREAM_ROLE.items()
        assert [case for case, call in cases if not is_denied(aws, keys, call)] == []
    finally:
        searching.run(UPDATE)
    policy = aws.client("iam").get_role_policy(**selector)["PolicyDocument"]
    assert policy == json.loads(searching.run(policy_command("stream-role-policy", "poc")))
