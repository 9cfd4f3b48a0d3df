"""Tests of the IAM policies in deploy/ and of the command that prints them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from deploy import policies
from deploy.service_model import OPERATIONS
from itsm_app.storage.table import DEFINITION

from ..support.flask_run import ROOT

SETTINGS = json.loads((ROOT / "zappa_settings.json").read_text())["poc"]
ACCOUNT = "123456789012"
INDEXES = [index["IndexName"] for index in DEFINITION["GlobalSecondaryIndexes"]]
POLICIES = [
    "role-policy.json",
    "trust-policy.json",
    "permissions-boundary.json",
    "deployer-policy.json",
]
TABLE = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/poc-itsm-tickets"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/poc-itsm-lambda-role"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/poc-itsm-boundary"
# "Name and character limits" in "IAM and AWS STS quotas". White space does not count.
MAX_POLICY_CHARACTERS = 6144


def statements(policy: str, stage: str = "poc") -> list[dict[str, Any]]:
    rendered = json.loads(policies.render(policy, ACCOUNT, policies.names(stage, SETTINGS)))
    return list(rendered["Statement"])


def as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@pytest.mark.parametrize("policy", POLICIES)
def test_no_policy_has_a_wildcard_action(policy: str) -> None:
    for statement in statements(policy):
        assert not [action for action in as_list(statement["Action"]) if "*" in action]


def test_role_allows_exactly_the_actions_that_the_app_uses() -> None:
    actions = [
        action
        for statement in statements("role-policy.json")
        for action in as_list(statement["Action"])
    ]
    used = {f"dynamodb:{operation}" for operation in OPERATIONS}
    assert {action for action in actions if action.startswith("dynamodb:")} == used
    assert set(actions) - used == {
        "lambda:InvokeFunction",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }


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


@pytest.mark.parametrize("policy", POLICIES)
def test_policy_is_within_the_size_limit_of_iam(policy: str) -> None:
    # The longest account, region and stage name that occur.
    settings = {**SETTINGS, "aws_region": "ap-southeast-1"}
    rendered = policies.render(policy, ACCOUNT, policies.names("production2026", settings))
    assert len("".join(rendered.split())) <= MAX_POLICY_CHARACTERS


def test_boundary_allows_the_role_policy_and_tracing_only() -> None:
    role = statements("role-policy.json")
    boundary = statements("permissions-boundary.json")
    assert [statement for statement in boundary if statement not in role] == [
        {
            "Sid": "WriteTraces",
            "Effect": "Allow",
            "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
            "Resource": "*",
        }
    ]
    assert [statement for statement in role if statement not in boundary] == []


def actions_of_deployer(effect: str, service: str) -> dict[str, dict[str, Any]]:
    """Return the statement for each action of a service that the deployer policy names."""
    return {
        action: statement
        for statement in statements("deployer-policy.json")
        for action in as_list(statement["Action"])
        if statement["Effect"] == effect and action.startswith(f"{service}:")
    }


def test_deployer_may_only_describe_the_table_of_the_stage() -> None:
    allowed = actions_of_deployer("Allow", "dynamodb")
    assert [*allowed] == ["dynamodb:DescribeTable"]
    assert allowed["dynamodb:DescribeTable"]["Resource"] == TABLE
    denied = actions_of_deployer("Deny", "dynamodb")
    assert {*denied} == {
        "dynamodb:DeleteTable",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
    }
    assert {statement["Resource"] for statement in denied.values()} == {TABLE}


def test_deployer_may_write_only_a_role_that_has_the_boundary() -> None:
    allowed = actions_of_deployer("Allow", "iam")
    writes = {"iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"}
    reads = {"iam:GetPolicy", "iam:GetRole", "iam:GetRolePolicy"}
    assert {*allowed} == writes | reads | {"iam:PassRole"}
    for action in writes:
        assert allowed[action]["Resource"] == ROLE
        assert allowed[action]["Condition"] == {
            "StringEquals": {"iam:PermissionsBoundary": BOUNDARY}
        }
    denied = actions_of_deployer("Deny", "iam")
    assert {*denied} == {
        "iam:CreatePolicyVersion",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:DeleteRolePermissionsBoundary",
        "iam:SetDefaultPolicyVersion",
    }
    for statement in denied.values():
        assert {*as_list(statement["Resource"])} == {ROLE, BOUNDARY}


def test_only_api_gateway_and_lambda_may_assume_the_role() -> None:
    assert statements("trust-policy.json") == [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["apigateway.amazonaws.com", "lambda.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ]


@pytest.mark.parametrize("policy", POLICIES)
def test_policy_of_a_stage_names_no_other_stage(policy: str) -> None:
    text = json.dumps(statements(policy, "dev"))
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
