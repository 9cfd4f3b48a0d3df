"""What the function's role and the person who deploys may do, and that it is no more."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from ..support.aws import ACCOUNT, REGION, Aws, Keys
from ..support.deployment import ALIAS_ARN, FUNCTION, LOG_GROUP, ROLE, ROLE_ARN, TABLE, Api, Clone

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the Lambda runs Python 3.12"),
]


@contextmanager
def role_without(aws: Aws, action: str) -> Iterator[None]:
    """Take an action out of the role's policy for a while."""
    iam = aws.client("iam")
    which = {"RoleName": ROLE, "PolicyName": "zappa-permissions"}
    policy = iam.get_role_policy(**which)["PolicyDocument"]
    less = json.loads(json.dumps(policy))
    for statement in less["Statement"]:
        actions = statement["Action"]
        actions = [actions] if isinstance(actions, str) else actions
        statement["Action"] = [each for each in actions if each != action] or ["none:None"]
    assert less != policy
    iam.put_role_policy(**which, PolicyDocument=json.dumps(less))
    try:
        yield
    finally:
        iam.put_role_policy(**which, PolicyDocument=json.dumps(policy))


NEEDED_BY = {
    "dynamodb:GetItem": {"get_ticket_status", "show_health", "update_ticket"},
    "dynamodb:PutItem": {"create_ticket"},
    "dynamodb:Query": {"list_recent_tickets", "list_queue"},
    "dynamodb:UpdateItem": {"add_ticket_comment", "update_ticket"},
}


@pytest.mark.parametrize("action", NEEDED_BY)
def test_without_an_action_just_what_needs_it_fails(
    aws: Aws, api: Api, action: str, deployed_ticket: str, caller: str
) -> None:
    with role_without(aws, action):
        answers = {
            "create_ticket": api.create(caller),
            "get_ticket_status": api.get(deployed_ticket),
            "add_ticket_comment": api.add_comment(deployed_ticket),
            "list_recent_tickets": api.list_recent(caller),
            "list_queue": api.request("GET", "/tickets", "desk", params={"status": "open"}),
            "update_ticket": api.request(
                "PATCH", f"/tickets/{deployed_ticket}", "desk", json={"comment": "c"}
            ),
            "show_health": api.request("GET", "/health"),
        }
    failed = {name for name, answer in answers.items() if answer.status_code >= 400}
    assert failed == NEEDED_BY[action]
    for answer in (answers[name] for name in failed):
        assert (answer.status_code, answer.json()["code"]) == (500, "storage_unavailable")
        assert set(answer.json()) == {"error", "code", "retryable", "request_id"}
        said = answer.text.lower()
        assert not [word for word in ("arn:", "poc-", "dynamodb", "denied") if word in said]


LOG_EVENT = {"timestamp": 1, "message": '{"message": "written by a test"}'}

# A service's client, to be given the role's keys, and what to ask of it.
Call = Callable[[Callable[[str], Any]], Any]

# What no operation of the API shows here: API Gateway and Lambda themselves use the role so, and
# ministack does not ask IAM then.
OTHER_USES: dict[str, Call] = {
    "lambda:InvokeFunction": lambda client: client("lambda").invoke(FunctionName=ALIAS_ARN),
    "logs:CreateLogStream": lambda client: client("logs").create_log_stream(
        logGroupName=LOG_GROUP, logStreamName=uuid4().hex
    ),
    "logs:PutLogEvents": lambda client: client("logs").put_log_events(
        logGroupName=LOG_GROUP, logStreamName="role", logEvents=[LOG_EVENT]
    ),
}


def test_every_action_of_the_role_has_its_test(aws: Aws, deployer: Clone) -> None:
    client = aws.client("iam")
    policy = client.get_role_policy(RoleName=ROLE, PolicyName="zappa-permissions")
    statements = policy["PolicyDocument"]["Statement"]
    listed = [each["Action"] for each in statements]
    actions = {a for each in listed for a in ([each] if isinstance(each, str) else each)}
    assert actions == set(NEEDED_BY) | set(OTHER_USES)


@pytest.mark.parametrize("action", OTHER_USES)
def test_api_gateway_and_lambda_need_the_other_actions(
    aws: Aws, deployer: Clone, action: str
) -> None:
    keys = aws.keys_of_role(ROLE)
    logs = aws.client("logs")
    if not logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix="role")[
        "logStreams"
    ]:
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName="role")
    OTHER_USES[action](lambda service: aws.client(service, keys))
    with role_without(aws, action):
        assert is_denied(aws, keys, OTHER_USES[action])


def is_denied(aws: Aws, keys: Keys, call: Call) -> bool:
    try:
        call(lambda service: aws.client(service, keys))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return code in {"AccessDenied", "AccessDeniedException", "403"}
    return False


KEY = {"ticket_id": {"S": "a"}}
BY_CALLER = {
    "KeyConditionExpression": "ticket_id = :id",
    "ExpressionAttributeValues": {":id": {"S": "a"}},
}

NOT_FOR_THE_ROLE: dict[str, Call] = {
    "read another table": lambda client: client("dynamodb").get_item(TableName="other", Key=KEY),
    "read all tickets": lambda client: client("dynamodb").scan(TableName=TABLE),
    "query the table": lambda client: client("dynamodb").query(TableName=TABLE, **BY_CALLER),
    "query another index": lambda client: client("dynamodb").query(
        TableName=TABLE, IndexName="OtherIndex", **BY_CALLER
    ),
    "delete a ticket": lambda client: client("dynamodb").delete_item(TableName=TABLE, Key=KEY),
    "delete the table": lambda client: client("dynamodb").delete_table(TableName=TABLE),
    "call another function": lambda client: client("lambda").invoke(FunctionName="other"),
    "call its unpublished code": lambda client: client("lambda").invoke(FunctionName=FUNCTION),
    "change its own code": lambda client: client("lambda").update_function_code(
        FunctionName=FUNCTION, ZipFile=b"PK"
    ),
    "write another log": lambda client: client("logs").create_log_stream(
        logGroupName="/aws/lambda/other", logStreamName="a"
    ),
    "read its log": lambda client: client("logs").filter_log_events(logGroupName=LOG_GROUP),
    "delete its log": lambda client: client("logs").delete_log_group(logGroupName=LOG_GROUP),
    "list buckets": lambda client: client("s3").list_buckets(),
    "read its role": lambda client: client("iam").get_role(RoleName=ROLE),
    "give itself more": lambda client: client("iam").put_role_policy(
        RoleName=ROLE, PolicyName="zappa-permissions", PolicyDocument="{}"
    ),
    "see the API": lambda client: client("apigateway").get_rest_apis(),
}

NOT_FOR_THE_DEPLOYER: dict[str, Call] = {
    "read a ticket": lambda client: client("dynamodb").get_item(TableName=TABLE, Key=KEY),
    "delete the table": lambda client: client("dynamodb").delete_table(TableName=TABLE),
    "make another table": lambda client: client("dynamodb").describe_table(TableName="other"),
    "see another function": lambda client: client("lambda").get_function(FunctionName="other"),
    "see another stage": lambda client: client("lambda").get_function(
        FunctionName="prod-itsm-api-handler"
    ),
    "change another role": lambda client: client("iam").put_role_policy(
        RoleName="prod-itsm-lambda-role", PolicyName="a", PolicyDocument="{}"
    ),
    "let others use the role": lambda client: client("iam").update_assume_role_policy(
        RoleName=ROLE, PolicyDocument="{}"
    ),
    "use the role": lambda client: client("sts").assume_role(
        RoleArn=ROLE_ARN, RoleSessionName="deployer"
    ),
    "give themselves more": lambda client: client("iam").put_user_policy(
        UserName="poc-deployer", PolicyName="a", PolicyDocument="{}"
    ),
    "read another bucket": lambda client: client("s3").list_objects_v2(Bucket="other"),
    "read another stage's package": lambda client: client("s3").get_object(
        Bucket=f"itsm-zappa-{ACCOUNT}-{REGION}", Key="prod-itsm-api-handler-1.zip"
    ),
    "read another log": lambda client: client("logs").filter_log_events(
        logGroupName="/aws/lambda/other"
    ),
    "delete the log": lambda client: client("logs").delete_log_group(logGroupName=LOG_GROUP),
    "delete another stack": lambda client: client("cloudformation").delete_stack(StackName="other"),
}


@pytest.mark.parametrize("what", NOT_FOR_THE_ROLE)
def test_the_role_may_do_nothing_else(aws: Aws, deployer: Clone, what: str) -> None:
    assert is_denied(aws, aws.keys_of_role(ROLE), NOT_FOR_THE_ROLE[what])


@pytest.mark.parametrize("what", NOT_FOR_THE_DEPLOYER)
def test_the_deployer_may_touch_nothing_else(aws: Aws, deployer: Clone, what: str) -> None:
    assert is_denied(aws, deployer.keys, NOT_FOR_THE_DEPLOYER[what])
