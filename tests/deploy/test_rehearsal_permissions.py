"""Tests of the permissions of the function's role and of the deployer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from deploy import function_role

from ..support.aws import ACCOUNT, REGION, Aws, Keys
from ..support.deployment import (
    ALIAS_ARN,
    BOUNDARY_ARN,
    FUNCTION,
    LOG_GROUP,
    ROLE,
    ROLE_ARN,
    TABLE,
    Api,
    Clone,
    policy_command,
)

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the Lambda runs Python 3.12"),
]


@contextmanager
def role_without(aws: Aws, action: str) -> Iterator[None]:
    """Remove an action from the role's policy inside the `with` block."""
    iam = aws.client("iam")
    selector = {"RoleName": ROLE, "PolicyName": "zappa-permissions"}
    policy = iam.get_role_policy(**selector)["PolicyDocument"]
    reduced = json.loads(json.dumps(policy))
    for statement in reduced["Statement"]:
        actions = statement["Action"]
        actions = [actions] if isinstance(actions, str) else actions
        statement["Action"] = [item for item in actions if item != action] or ["none:None"]
    assert reduced != policy
    iam.put_role_policy(**selector, PolicyDocument=json.dumps(reduced))
    try:
        yield
    finally:
        iam.put_role_policy(**selector, PolicyDocument=json.dumps(policy))


# Without `show_health`, which may return the result of a read from some seconds before.
OPERATIONS_BY_ACTION = {
    "dynamodb:GetItem": {"get_ticket_status", "update_ticket"},
    "dynamodb:PutItem": {"create_ticket"},
    "dynamodb:Query": {"list_recent_tickets", "list_queue"},
    "dynamodb:UpdateItem": {"add_ticket_comment", "update_ticket"},
}


@pytest.mark.parametrize("action", OPERATIONS_BY_ACTION)
def test_missing_permission_fails_exactly_the_operations_that_need_it(
    aws: Aws, api: Api, action: str, deployed_ticket: str, caller: str
) -> None:
    with role_without(aws, action):
        responses = {
            "create_ticket": api.create(caller),
            "get_ticket_status": api.get(deployed_ticket),
            "add_ticket_comment": api.add_comment(deployed_ticket),
            "list_recent_tickets": api.list_recent(caller),
            "list_queue": api.request("GET", "/tickets", "desk", params={"status": "open"}),
            "update_ticket": api.request(
                "PATCH", f"/tickets/{deployed_ticket}", "desk", json={"comment": "c"}
            ),
        }
    failed = {name for name, response in responses.items() if response.status_code >= 400}
    assert failed == OPERATIONS_BY_ACTION[action]
    for response in (responses[name] for name in failed):
        assert (response.status_code, response.json()["code"]) == (500, "storage_unavailable")
        assert set(response.json()) == {"error", "code", "retryable", "request_id"}
        text = response.text.lower()
        assert not [word for word in ("arn:", "poc-", "dynamodb", "denied") if word in text]


LOG_EVENT = {"timestamp": 1, "message": '{"message": "written by a test"}'}

# A function that takes a factory of boto3 clients and sends one request.
Call = Callable[[Callable[[str], Any]], Any]

# Actions that API Gateway and Lambda themselves use. ministack does not check IAM for them, so the
# operations of the API do not cover these actions.
SERVICE_ACTIONS: dict[str, Call] = {
    "lambda:InvokeFunction": lambda client: client("lambda").invoke(FunctionName=ALIAS_ARN),
    "logs:CreateLogStream": lambda client: client("logs").create_log_stream(
        logGroupName=LOG_GROUP, logStreamName=uuid4().hex
    ),
    "logs:PutLogEvents": lambda client: client("logs").put_log_events(
        logGroupName=LOG_GROUP, logStreamName="role", logEvents=[LOG_EVENT]
    ),
}


def test_tables_of_this_module_cover_every_action_of_the_role(aws: Aws, deployer: Clone) -> None:
    client = aws.client("iam")
    policy = client.get_role_policy(RoleName=ROLE, PolicyName="zappa-permissions")
    statements = policy["PolicyDocument"]["Statement"]
    listed = [statement["Action"] for statement in statements]
    actions = {
        action for names in listed for action in ([names] if isinstance(names, str) else names)
    }
    assert actions == set(OPERATIONS_BY_ACTION) | set(SERVICE_ACTIONS)


@pytest.mark.parametrize("action", SERVICE_ACTIONS)
def test_role_allows_the_service_actions_only_through_its_policy(
    aws: Aws, deployer: Clone, action: str
) -> None:
    keys = aws.keys_of_role(ROLE)
    logs = aws.client("logs")
    if not logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix="role")[
        "logStreams"
    ]:
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName="role")
    SERVICE_ACTIONS[action](lambda service: aws.client(service, keys))
    with role_without(aws, action):
        assert is_denied(aws, keys, SERVICE_ACTIONS[action])


def is_denied(aws: Aws, keys: Keys, call: Call) -> bool:
    try:
        call(lambda service: aws.client(service, keys))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return code in {"AccessDenied", "AccessDeniedException", "403"}
    return False


KEY = {"ticket_id": {"S": "a"}}
KEY_CONDITION = {
    "KeyConditionExpression": "ticket_id = :id",
    "ExpressionAttributeValues": {":id": {"S": "a"}},
}

DENIED_TO_ROLE: dict[str, Call] = {
    "read another table": lambda client: client("dynamodb").get_item(TableName="other", Key=KEY),
    "read all tickets": lambda client: client("dynamodb").scan(TableName=TABLE),
    "query the table": lambda client: client("dynamodb").query(TableName=TABLE, **KEY_CONDITION),
    "query another index": lambda client: client("dynamodb").query(
        TableName=TABLE, IndexName="OtherIndex", **KEY_CONDITION
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
    "change its own boundary": lambda client: client("iam").delete_role_permissions_boundary(
        RoleName=ROLE
    ),
    "change its own concurrency": lambda client: client("lambda").delete_function_concurrency(
        FunctionName=FUNCTION
    ),
    "read its role": lambda client: client("iam").get_role(RoleName=ROLE),
    "give itself more": lambda client: client("iam").put_role_policy(
        RoleName=ROLE, PolicyName="zappa-permissions", PolicyDocument="{}"
    ),
    "see the API": lambda client: client("apigateway").get_rest_apis(),
}

ALLOW_ALL = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    }
)
TRUST = {"RoleName": ROLE, "AssumeRolePolicyDocument": "{}"}

# These actions stay denied if the deployer also has a policy that allows everything.
EXPLICITLY_DENIED_TO_DEPLOYER: dict[str, Call] = {
    "delete the table": lambda client: client("dynamodb").delete_table(TableName=TABLE),
    "turn off deletion protection": lambda client: client("dynamodb").update_table(
        TableName=TABLE, DeletionProtectionEnabled=False
    ),
    "turn off point-in-time recovery": lambda client: client("dynamodb").update_continuous_backups(
        TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    ),
    "turn off expiry": lambda client: client("dynamodb").update_time_to_live(
        TableName=TABLE,
        TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires_at"},
    ),
    "remove the boundary": lambda client: client("iam").delete_role_permissions_boundary(
        RoleName=ROLE
    ),
    "change the boundary": lambda client: client("iam").create_policy_version(
        PolicyArn=BOUNDARY_ARN, PolicyDocument=ALLOW_ALL, SetAsDefault=True
    ),
    "restore an old boundary": lambda client: client("iam").set_default_policy_version(
        PolicyArn=BOUNDARY_ARN, VersionId="v1"
    ),
    "delete the boundary": lambda client: client("iam").delete_policy(PolicyArn=BOUNDARY_ARN),
}

DENIED_TO_DEPLOYER: dict[str, Call] = {
    **EXPLICITLY_DENIED_TO_DEPLOYER,
    "read a ticket": lambda client: client("dynamodb").get_item(TableName=TABLE, Key=KEY),
    "create the table": lambda client: client("dynamodb").create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": "ticket_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "ticket_id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    ),
    "describe another table": lambda client: client("dynamodb").describe_table(TableName="other"),
    "create the role without a boundary": lambda client: client("iam").create_role(**TRUST),
    "create the role with another boundary": lambda client: client("iam").create_role(
        **TRUST, PermissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess"
    ),
    "replace the boundary": lambda client: client("iam").put_role_permissions_boundary(
        RoleName=ROLE, PermissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess"
    ),
    "attach a policy to the role": lambda client: client("iam").attach_role_policy(
        RoleName=ROLE, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    ),
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


@pytest.mark.parametrize("case", DENIED_TO_ROLE)
def test_role_is_denied_other_actions(aws: Aws, deployer: Clone, case: str) -> None:
    assert is_denied(aws, aws.keys_of_role(ROLE), DENIED_TO_ROLE[case])


@pytest.mark.parametrize("case", DENIED_TO_DEPLOYER)
def test_deployer_is_denied_other_actions(aws: Aws, deployer: Clone, case: str) -> None:
    assert is_denied(aws, deployer.keys, DENIED_TO_DEPLOYER[case])


@pytest.mark.parametrize("case", EXPLICITLY_DENIED_TO_DEPLOYER)
def test_another_policy_cannot_allow_what_protects_the_table_and_the_boundary(
    aws: Aws, deployer: Clone, all_powerful_deployer: Keys, case: str
) -> None:
    assert is_denied(aws, all_powerful_deployer, EXPLICITLY_DENIED_TO_DEPLOYER[case])


@pytest.fixture(scope="module")
def all_powerful_deployer(aws: Aws, deployer: Clone) -> Keys:
    """Return the keys of a user with the deployer policy and a policy that allows everything."""
    keys = aws.make_user("all-powerful", deployer.run(policy_command("deployer-policy", "poc")))
    policy = {"UserName": "all-powerful", "PolicyName": "all", "PolicyDocument": ALLOW_ALL}
    aws.client("iam").put_user_policy(**policy)
    return keys


def write_role_policy(policy: str) -> Call:
    selector = {"RoleName": ROLE, "PolicyName": "zappa-permissions"}
    return lambda client: client("iam").put_role_policy(**selector, PolicyDocument=policy)


@pytest.fixture
def role_policy(aws: Aws, deployer: Clone) -> Iterator[str]:
    """Return the policy of the role, and restore the policy and the boundary at the end."""
    iam = aws.client("iam")
    selector = {"RoleName": ROLE, "PolicyName": "zappa-permissions"}
    policy = json.dumps(iam.get_role_policy(**selector)["PolicyDocument"])
    yield policy
    iam.put_role_permissions_boundary(RoleName=ROLE, PermissionsBoundary=BOUNDARY_ARN)
    iam.put_role_policy(**selector, PolicyDocument=policy)


def test_deployer_cannot_give_the_role_more_than_the_boundary(
    aws: Aws, api: Api, deployer: Clone, role_policy: str, caller: str
) -> None:
    assert not is_denied(aws, deployer.keys, write_role_policy(ALLOW_ALL))
    keys = aws.keys_of_role(ROLE)
    assert [case for case, call in DENIED_TO_ROLE.items() if not is_denied(aws, keys, call)] == []
    assert api.create(caller).status_code == 201


def test_deployer_writes_only_a_role_with_the_boundary(
    aws: Aws, deployer: Clone, role_policy: str
) -> None:
    aws.client("iam").delete_role_permissions_boundary(RoleName=ROLE)
    assert is_denied(aws, deployer.keys, write_role_policy(role_policy))
    boundary = {"RoleName": ROLE, "PermissionsBoundary": BOUNDARY_ARN}
    client = aws.client("iam", deployer.keys)
    client.put_role_permissions_boundary(**boundary)
    assert not is_denied(aws, deployer.keys, write_role_policy(role_policy))


def test_administrator_can_deploy_without_a_boundary(aws: Aws) -> None:
    name, iam = "admin-itsm-lambda-role", aws.client("iam")
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/admin-itsm-boundary"
    for _ in range(2):
        function_role.prepare(iam, name, ALLOW_ALL, boundary)
        assert "PermissionsBoundary" not in iam.get_role(RoleName=name)["Role"]
    aws.make_policy("admin-itsm-boundary", ALLOW_ALL)
    function_role.prepare(iam, name, ALLOW_ALL, boundary)
    found = iam.get_role(RoleName=name)["Role"]["PermissionsBoundary"]
    assert found["PermissionsBoundaryArn"] == boundary
