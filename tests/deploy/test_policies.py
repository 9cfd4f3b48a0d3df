"""Tests of the IAM policies in deploy/ and of the command that prints them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from deploy import policies
from deploy.releases import ALIAS
from deploy.service_model import OPERATIONS
from itsm_app.storage.table import DEFINITION

from ..support.flask_run import ROOT

SETTINGS = json.loads((ROOT / "zappa_settings.json").read_text())["poc"]
WITH_SEARCH = {**SETTINGS, "search": True}
ACCOUNT = "123456789012"
INDEXES = [index["IndexName"] for index in DEFINITION["GlobalSecondaryIndexes"]]
POLICIES = [
    "role-policy.json",
    "trust-policy.json",
    "permissions-boundary.json",
    "deployer-policy.json",
]
# The policies of the stream handler.
STREAM_POLICIES = ["stream-role-policy.json", "stream-trust-policy.json"]
# Each policy of a stage, with the settings of the stage.
RENDERED = [
    *((policy, SETTINGS) for policy in POLICIES),
    *((policy, WITH_SEARCH) for policy in [*POLICIES, *STREAM_POLICIES]),
]
TABLE = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/poc-itsm-tickets"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/poc-itsm-lambda-role"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/poc-itsm-boundary"
SEARCH_TABLE = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/poc-itsm-search"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:poc-itsm-api-handler"
STREAM_HANDLER = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:poc-itsm-stream-handler"
STREAM_ROLE = f"arn:aws:iam::{ACCOUNT}:role/poc-itsm-stream-role"
STREAM_BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/poc-itsm-stream-boundary"
HANDLER_LOGS = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/poc-itsm-stream-handler"
# "Name and character limits" in "IAM and AWS STS quotas". White space does not count.
MAX_POLICY_CHARACTERS = 6144


def statements(
    policy: str, stage: str = "poc", settings: dict[str, Any] = SETTINGS
) -> list[dict[str, Any]]:
    rendered = json.loads(policies.render(policy, ACCOUNT, policies.names(stage, settings)))
    return list(rendered["Statement"])


def actions_of(policy: str, settings: dict[str, Any] = SETTINGS) -> dict[str, list[str]]:
    """Return the resources of each action that a policy allows."""
    found: dict[str, list[str]] = {}
    for statement in statements(policy, settings=settings):
        for action in as_list(statement["Action"]) if statement["Effect"] == "Allow" else []:
            found.setdefault(action, []).extend(as_list(statement["Resource"]))
    return found


def as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@pytest.mark.parametrize(("policy", "settings"), RENDERED)
def test_no_policy_has_a_wildcard_action(policy: str, settings: dict[str, Any]) -> None:
    for statement in statements(policy, settings=settings):
        assert not [action for action in as_list(statement["Action"]) if "*" in action]


def test_role_allows_exactly_the_actions_that_the_app_uses() -> None:
    actions = actions_of("role-policy.json")
    without_search = {"GetItem", "PutItem", "Query", "UpdateItem"}
    assert set(actions) == {f"dynamodb:{operation}" for operation in without_search} | {
        "lambda:InvokeFunction",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }


def test_search_adds_two_permissions_to_the_role() -> None:
    without = statements("role-policy.json")
    added = [
        statement
        for statement in statements("role-policy.json", settings=WITH_SEARCH)
        if statement not in without
    ]
    assert [(statement["Action"], statement["Resource"]) for statement in added] == [
        ("dynamodb:Query", SEARCH_TABLE),
        ("dynamodb:BatchGetItem", TABLE),
    ]


def test_role_of_the_stream_handler_reads_the_stream_and_writes_the_index_only() -> None:
    read = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    write = ("BatchWriteItem", "DeleteItem", "PutItem", "UpdateItem")
    assert actions_of("stream-role-policy.json", WITH_SEARCH) == {
        **{f"dynamodb:{action}": [f"{TABLE}/stream/*"] for action in read},
        **{f"dynamodb:{action}": [SEARCH_TABLE] for action in write},
        **{
            f"logs:{action}": [f"{HANDLER_LOGS}:*"]
            for action in ("CreateLogStream", "PutLogEvents")
        },
    }
    used = {
        action.removeprefix("dynamodb:")
        for policy in ("role-policy.json", "stream-role-policy.json")
        for action, resources in actions_of(policy, WITH_SEARCH).items()
        if action.startswith("dynamodb:") and resources != [f"{TABLE}/stream/*"]
    }
    assert used == set(OPERATIONS)


def test_role_has_wildcard_resources_for_log_streams_only() -> None:
    resources = [
        resource
        for statement in statements("role-policy.json")
        for resource in as_list(statement["Resource"])
    ]
    assert [resource for resource in resources if "*" in resource] == [
        f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/poc-itsm-api-handler:*"
    ]


def test_role_may_query_exactly_the_existing_indexes() -> None:
    (query,) = [
        statement
        for statement in statements("role-policy.json")
        if statement["Action"] == "dynamodb:Query"
    ]
    assert query["Resource"] == [f"{TABLE}/index/{name}" for name in INDEXES]


@pytest.mark.parametrize(("policy", "settings"), RENDERED)
def test_policy_is_within_the_size_limit_of_iam(policy: str, settings: dict[str, Any]) -> None:
    # The longest account, region and stage name that occur.
    settings = {**settings, "aws_region": "ap-southeast-1"}
    rendered = policies.render(policy, ACCOUNT, policies.names("production2026", settings))
    assert len("".join(rendered.split())) <= MAX_POLICY_CHARACTERS


@pytest.mark.parametrize("settings", [SETTINGS, WITH_SEARCH])
def test_boundary_allows_the_role_policy_and_tracing_only(settings: dict[str, Any]) -> None:
    role = statements("role-policy.json", settings=settings)
    boundary = statements("permissions-boundary.json", settings=settings)
    assert [statement for statement in boundary if statement not in role] == [
        {
            "Sid": "WriteTraces",
            "Effect": "Allow",
            "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
            "Resource": "*",
        }
    ]
    assert [statement for statement in role if statement not in boundary] == []


def actions_of_deployer(
    effect: str, service: str, settings: dict[str, Any] = SETTINGS
) -> dict[str, dict[str, Any]]:
    """Return the statement for each action of a service that the deployer policy names."""
    return {
        action: statement
        for statement in statements("deployer-policy.json", settings=settings)
        for action in as_list(statement["Action"])
        if statement["Effect"] == effect and action.startswith(f"{service}:")
    }


@pytest.mark.parametrize(
    ("settings", "tables"), [(SETTINGS, [TABLE]), (WITH_SEARCH, [TABLE, SEARCH_TABLE])]
)
def test_deployer_may_only_describe_the_tables_of_the_stage(
    settings: dict[str, Any], tables: list[str]
) -> None:
    allowed = actions_of_deployer("Allow", "dynamodb", settings)
    assert [*allowed] == ["dynamodb:DescribeTable"]
    assert allowed["dynamodb:DescribeTable"]["Resource"] == tables
    denied = actions_of_deployer("Deny", "dynamodb", settings)
    assert {*denied} == {
        "dynamodb:DeleteTable",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
    }
    assert {statement["Resource"] for statement in denied.values()} == {TABLE}


@pytest.mark.parametrize(
    ("settings", "boundaries"),
    [(SETTINGS, {ROLE: BOUNDARY}), (WITH_SEARCH, {ROLE: BOUNDARY, STREAM_ROLE: STREAM_BOUNDARY})],
)
def test_deployer_may_write_only_roles_that_have_their_boundary(
    settings: dict[str, Any], boundaries: dict[str, str]
) -> None:
    allowed = actions_of_deployer("Allow", "iam", settings)
    writes = {"iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"}
    reads = {"iam:GetPolicy", "iam:GetRole", "iam:GetRolePolicy"}
    assert {*allowed} == writes | reads | {"iam:PassRole"}
    of_roles = [
        statement
        for statement in statements("deployer-policy.json", settings=settings)
        if statement["Effect"] == "Allow" and writes & {*as_list(statement["Action"])}
    ]
    for statement in of_roles:
        assert {*statement["Action"]} == writes
        assert statement["Condition"] == {
            "StringEquals": {"iam:PermissionsBoundary": boundaries[statement["Resource"]]}
        }
    assert [statement["Resource"] for statement in of_roles] == [*boundaries]
    denied = actions_of_deployer("Deny", "iam", settings)
    assert {*denied} == {
        "iam:CreatePolicyVersion",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:DeleteRolePermissionsBoundary",
        "iam:SetDefaultPolicyVersion",
    }
    for statement in denied.values():
        assert {*as_list(statement["Resource"])} == {*boundaries, *boundaries.values()}


@pytest.mark.parametrize("settings", [SETTINGS, WITH_SEARCH])
def test_deployer_may_let_only_amazon_connect_invoke_only_the_alias(
    settings: dict[str, Any],
) -> None:
    allowed = actions_of_deployer("Allow", "lambda", settings)
    statement = allowed["lambda:AddPermission"]
    assert statement == allowed["lambda:RemovePermission"]
    assert len(statement["Action"]) == 2
    assert statement["Resource"] == f"{FUNCTION}:{ALIAS}"
    assert statement["Condition"] == {"StringEquals": {"lambda:Principal": "connect.amazonaws.com"}}
    # The other ways to open a function.
    assert not [action for action in allowed if "FunctionUrl" in action or "Layer" in action]


def test_deployer_gives_roles_to_api_gateway_and_lambda_only() -> None:
    statement = actions_of_deployer("Allow", "iam", WITH_SEARCH)["iam:PassRole"]
    assert statement["Resource"] == [ROLE, STREAM_ROLE]
    assert statement["Condition"] == {
        "StringEquals": {
            "iam:PassedToService": ["apigateway.amazonaws.com", "lambda.amazonaws.com"]
        }
    }


def test_deployer_maps_streams_only_to_the_stream_handler() -> None:
    changes = [
        statement
        for statement in statements("deployer-policy.json", settings=WITH_SEARCH)
        if "lambda:CreateEventSourceMapping" in statement["Action"]
    ]
    assert [statement["Condition"] for statement in changes] == [
        {"ArnEquals": {"lambda:FunctionArn": STREAM_HANDLER}}
    ]
    mapping = {f"lambda:{verb}EventSourceMapping" for verb in ("Create", "Delete", "Update")}
    assert {*changes[0]["Action"]} == mapping


def test_search_adds_rights_of_the_deployer_for_its_own_resources_only() -> None:
    without = actions_of("deployer-policy.json")
    added = {
        resource
        for action, resources in actions_of("deployer-policy.json", WITH_SEARCH).items()
        for resource in {*resources} - {*without.get(action, [])}
    }
    own = {SEARCH_TABLE, STREAM_ROLE, STREAM_BOUNDARY, STREAM_HANDLER}
    # The condition of the test above limits the changes. Lambda cannot limit the list.
    assert added == own | {HANDLER_LOGS, f"{HANDLER_LOGS}:*", "*"}


@pytest.mark.parametrize("policy", POLICIES)
def test_policies_of_a_stage_without_search_allow_nothing_for_search(policy: str) -> None:
    text = policies.render(policy, ACCOUNT, policies.names("poc", {**SETTINGS, "search": False}))
    assert "search" not in text.lower()
    assert "itsm-stream" not in text
    assert "EventSourceMapping" not in text


@pytest.mark.parametrize("policy", STREAM_POLICIES)
def test_stage_without_search_has_no_policies_of_the_stream_handler(policy: str) -> None:
    with pytest.raises(policies.NoSearch, match=f"{policy} is for stages with search"):
        statements(policy)


def test_only_lambda_may_assume_the_role_of_the_stream_handler() -> None:
    (statement,) = statements("stream-trust-policy.json", settings=WITH_SEARCH)
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")


def test_only_api_gateway_and_lambda_may_assume_the_role() -> None:
    assert statements("trust-policy.json") == [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["apigateway.amazonaws.com", "lambda.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ]


@pytest.mark.parametrize(("policy", "settings"), RENDERED)
def test_policy_of_a_stage_names_no_other_stage(policy: str, settings: dict[str, Any]) -> None:
    text = json.dumps(statements(policy, "dev", settings))
    assert "poc" not in text
    assert "$" not in text


@pytest.mark.parametrize("policy", ["deployer-policy.json", "permissions-boundary.json"])
def test_command_prints_a_policy(policy: str) -> None:
    printed = subprocess.check_output(
        [sys.executable, "-m", "deploy.policies", policy, "poc", ACCOUNT], cwd=ROOT, text=True
    )
    assert json.loads(printed)["Statement"] == statements(policy)


@pytest.mark.parametrize("arguments", [["role-policy.json"], ["role-policy.json", "x", ACCOUNT]])
def test_command_prints_its_usage_for_invalid_arguments(arguments: list[str]) -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "deploy.policies", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 1
    assert "Usage: " in completed.stderr
    assert "Stages: poc" in completed.stderr


def test_command_names_a_policy_that_the_stage_does_not_have() -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "deploy.policies", "stream-role-policy.json", "poc", ACCOUNT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (completed.returncode, completed.stdout) == (1, "")
    expected = "stream-role-policy.json is for stages with search, and poc has no search.\n"
    assert completed.stderr == expected
