"""The limits of a stage: variables of the function, concurrency, and throttle of the API."""

from __future__ import annotations

import json
from typing import Any

from click import ClickException, echo

# "Environment variables" in "Lambda quotas". Lambda measures the variables as a JSON text: its
# error message contains "String measured: {…}".
MAX_VARIABLE_BYTES = 4096
# Lambda keeps this part of the account's concurrency for functions without a reservation
# ("Configuring reserved concurrency" in the AWS Lambda guide).
UNRESERVED_CONCURRENCY = 100
# The throttle of a stage whose settings do not have these names.
THROTTLE = {"throttle_rate": 50, "throttle_burst": 100}
# The body of the 429 response of API Gateway, in the form of the app's own errors. API Gateway
# replaces the variable ("Variables for data transformations for API Gateway" in its guide).
THROTTLED = {
    "error": "The API gets more requests than it accepts. Wait a second, then repeat the request.",
    "code": "too_many_requests",
    "retryable": True,
    "request_id": "$context.requestId",
}


def check_variables(cli: Any) -> None:
    """Raise `ClickException` if the variables of the function exceed Lambda's limit."""
    # Zappa keeps the variables that are on the function and not in the settings.
    variables = {**current_variables(cli), **cli.aws_environment_variables}
    size = variables_size(variables)
    if size > MAX_VARIABLE_BYTES:
        largest = max(variables, key=lambda name: len(variables[name]))
        raise ClickException(
            f"The variables of the function need {size} bytes, and Lambda allows"
            f" {MAX_VARIABLE_BYTES}. The largest variable is {largest} with"
            f" {len(variables[largest])} bytes. Shorten it: for API_KEYS, remove entries or choose"
            " shorter names."
        )


def variables_size(variables: dict[str, str]) -> int:
    """Return the size of the variables in bytes, as Lambda measures it."""
    return len(json.dumps(variables, separators=(",", ":")))


def check_throttle(cli: Any) -> None:
    """Raise `ClickException` if the throttle in the settings is not two positive numbers."""
    for name, value in _throttle(cli).items():
        if type(value) is not int or value < 1:
            raise ClickException(
                f"The stage {cli.api_stage} in zappa_settings.json: {name} must be a whole number"
                " of 1 or more."
            )


def set_throttle(cli: Any) -> None:
    """Set the throttle of the stage in API Gateway, and the response to throttled requests."""
    client, api = cli.zappa.apigateway_client, cli.zappa.get_api_id(cli.lambda_name)
    throttle = _throttle(cli)
    values = {"rateLimit": throttle["throttle_rate"], "burstLimit": throttle["throttle_burst"]}
    client.update_stage(
        restApiId=api,
        stageName=cli.api_stage,
        patchOperations=[
            cli.zappa.get_patch_op(f"throttling/{name}", str(value))
            for name, value in values.items()
        ],
    )
    templates = {"application/json": json.dumps(THROTTLED)}
    response = {"restApiId": api, "responseType": "THROTTLED"}
    if client.get_gateway_response(**response)["responseTemplates"] != templates:
        client.put_gateway_response(**response, statusCode="429", responseTemplates=templates)
        # A changed response takes effect with the next deployment of the API.
        client.create_deployment(restApiId=api, stageName=cli.api_stage)


def check_concurrency(cli: Any) -> None:
    """Do without reserved concurrency if the account does not have enough of it.

    A new AWS account may run 10 functions at the same time, and cannot reserve any of them. Zappa
    would stop half-way.
    """
    wanted = cli.lambda_concurrency
    if wanted is None:
        return
    client = cli.zappa.lambda_client
    free = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    available = max(0, free + _reserved_concurrency(cli) - UNRESERVED_CONCURRENCY)
    if wanted > available:
        cli.lambda_concurrency = None
        echo(
            f"No concurrency is reserved for the function: lambda_concurrency is {wanted}, and this"
            f" account can reserve {available}. Ask Service Quotas for more concurrent executions"
            f" of Lambda, then run `zappa update {cli.api_stage}`."
        )


def current_variables(cli: Any) -> dict[str, str]:
    """Return the variables that the function has now. Empty: there is no function."""
    found = _function(cli).get("Configuration", {})
    return dict(found.get("Environment", {}).get("Variables", {}))


def _throttle(cli: Any) -> dict[str, Any]:
    return {name: cli.stage_config.get(name, value) for name, value in THROTTLE.items()}


def _reserved_concurrency(cli: Any) -> int:
    return int(_function(cli).get("Concurrency", {}).get("ReservedConcurrentExecutions", 0))


def _function(cli: Any) -> dict[str, Any]:
    # `zappa package` and the tests of the settings work without an AWS account.
    if not cli.load_credentials:
        return {}
    client = cli.zappa.lambda_client
    try:
        return dict(client.get_function(FunctionName=cli.lambda_name))
    except client.exceptions.ResourceNotFoundException:
        return {}
