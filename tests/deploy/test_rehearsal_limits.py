"""Tests of the limits of a deployed stage: throttle, concurrency, variables and usage plans."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from deploy.limits import MAX_VARIABLE_BYTES, variables_size

from ..support.aws import Aws
from ..support.deployment import (
    BOUNDARY_ARN,
    FUNCTION,
    ROLE,
    ROLE_ARN,
    Api,
    Clone,
    zappa_command,
)

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the Lambda runs Python 3.12"),
]


def limits_of_stage(aws: Aws, api: Api) -> tuple[float, int, int | None]:
    """Return the rate and the burst of the throttle, and the reserved concurrency."""
    (stage,) = aws.client("apigateway").get_stages(restApiId=api.id)["item"]
    settings = stage["methodSettings"]["*/*"]
    found = aws.client("lambda").get_function_concurrency(FunctionName=FUNCTION)
    concurrency = found.get("ReservedConcurrentExecutions")
    return settings["throttlingRateLimit"], settings["throttlingBurstLimit"], concurrency


def set_throttle(aws: Aws, api: Api, rate: int, burst: int) -> None:
    values = {"rateLimit": rate, "burstLimit": burst}
    aws.client("apigateway").update_stage(
        restApiId=api.id,
        stageName="poc",
        patchOperations=[
            {"op": "replace", "path": f"/*/*/throttling/{name}", "value": str(value)}
            for name, value in values.items()
        ],
    )


def test_throttled_requests_get_an_error_that_says_what_to_do(aws: Aws, api: Api) -> None:
    set_throttle(aws, api, 1, 1)
    try:
        responses = [api.request("GET", "/openapi.json") for _ in range(3)]
    finally:
        set_throttle(aws, api, 50, 100)
    assert responses[-1].status_code == 429
    error = responses[-1].json()
    assert (error["code"], error["retryable"]) == ("too_many_requests", True)
    assert error["error"] == (
        "The API gets more requests than it accepts. Wait a second, then repeat the request."
    )
    assert error.keys() == {"error", "code", "retryable", "request_id"}


@contextmanager
def other_function(aws: Aws, concurrency: int) -> Iterator[None]:
    """Let another function of the account reserve concurrency inside the `with` block."""
    client, package = aws.client("lambda"), io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("main.py", "")
    client.create_function(
        FunctionName="other",
        Runtime="python3.12",
        Role=ROLE_ARN,
        Handler="main.handler",
        Code={"ZipFile": package.getvalue()},
    )
    client.put_function_concurrency(FunctionName="other", ReservedConcurrentExecutions=concurrency)
    try:
        yield
    finally:
        client.delete_function(FunctionName="other")


def test_update_applies_the_limits_and_puts_the_boundary_on_an_older_role(
    aws: Aws, deployer: Clone, api: Api
) -> None:
    iam = aws.client("iam")
    iam.delete_role_permissions_boundary(RoleName=ROLE)
    deployer.change_settings(throttle_rate=7, throttle_burst=9, lambda_concurrency=40)
    try:
        deployer.run(zappa_command("update"))
        assert limits_of_stage(aws, api) == (7, 9, 40)
        role = iam.get_role(RoleName=ROLE)["Role"]
        assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY_ARN
    finally:
        deployer.change_settings(throttle_rate=50, throttle_burst=100, lambda_concurrency=100)
    # Other tests deploy functions too. Lambda keeps 100 for functions without a reservation, and 50
    # are left for this function.
    account = aws.client("lambda").get_account_settings()["AccountLimit"]
    free = account["UnreservedConcurrentExecutions"] + 40
    with other_function(aws, free - 150):
        printed = deployer.run(zappa_command("update"))
        assert "lambda_concurrency is 100, and this account can reserve 50." in printed
        assert limits_of_stage(aws, api) == (50, 100, None)
    client = aws.client("lambda")
    client.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=100)


def test_deploy_and_update_reject_more_variables_than_lambda_accepts(
    aws: Aws, deployer: Clone
) -> None:
    found = aws.client("lambda").get_function_configuration(FunctionName=FUNCTION)
    variables = found["Environment"]["Variables"]
    entries, keys = deployer.entries, [*deployer.entries]
    # SECRET_KEY is on the function, and not in the settings.
    without_secret = {name: value for name, value in variables.items() if name != "SECRET_KEY"}
    while variables_size({**variables, "API_KEYS": ",".join(keys)}) <= MAX_VARIABLE_BYTES:
        keys.append(f"k:agent:{'0' * 64}")
    assert variables_size({**without_secret, "API_KEYS": ",".join(keys)}) <= MAX_VARIABLE_BYTES
    secret = {"SECRET_KEY": "s" * 64}
    try:
        deployer.set_api_keys(*keys)
        for command, environment in [("update", {}), ("deploy", secret)]:
            rejected = deployer.run_unchecked(f"zappa {command} poc", **environment)
            assert (rejected.returncode, "Traceback" in rejected.stderr) == (1, False)
            assert "bytes, and Lambda allows 4096. The largest" in rejected.stderr
    finally:
        deployer.set_api_keys(*entries)


def test_update_names_a_permission_that_the_deployer_lacks(aws: Aws, deployer: Clone) -> None:
    """A deployer whose policy is from an earlier release lacks permissions."""
    iam, selector = aws.client("iam"), {"UserName": "poc-deployer", "PolicyName": "deny"}
    denied = ["lambda:GetAccountSettings"]
    statement = {"Effect": "Deny", "Action": denied, "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_user_policy(**selector, PolicyDocument=json.dumps(policy))
    try:
        rejected = deployer.run_unchecked(zappa_command("update"))
    finally:
        iam.delete_user_policy(**selector)
    assert (rejected.returncode, "Traceback" in rejected.stderr) == (1, False)
    assert "AWS denied GetAccountSettings. `zappa update poc` needs" in rejected.stderr
    assert "docs/deploy.md" in rejected.stderr


def test_usage_plan_identifies_clients_by_its_own_key(
    aws: Aws, deployer: Clone, api: Api, deployed_ticket: str
) -> None:
    client = aws.client("apigateway")
    stage = {"apiId": api.id, "stage": "poc"}
    plan = client.create_usage_plan(name="poc-itsm", apiStages=[stage])["id"]
    key = client.create_api_key(name="voice", enabled=True)
    client.create_usage_plan_key(usagePlanId=plan, keyType="API_KEY", keyId=key["id"])

    def get(**headers: str) -> Any:
        headers = {"x-api-key": None, **{name.replace("_", "-"): headers[name] for name in headers}}
        return api.request("GET", f"/tickets/{deployed_ticket}", headers=headers)

    bearer = f"Bearer {api.keys['agent']}"
    deployer.change_settings(api_key_required=True)
    try:
        deployer.run(zappa_command("update"))
        assert get(x_api_key=key["value"], Authorization=bearer).status_code == 200
        for rejected in (get(Authorization=bearer), get(x_api_key=api.keys["agent"])):
            assert (rejected.status_code, rejected.json()) == (403, {"message": "Forbidden"})
        without_own_key = get(x_api_key=key["value"])
        assert (without_own_key.status_code, without_own_key.json()["code"]) == (401, "key_refused")
    finally:
        deployer.change_settings(api_key_required=None)
        deployer.run(zappa_command("update"))
    assert get(Authorization=bearer).status_code == 200
