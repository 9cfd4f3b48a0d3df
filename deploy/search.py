"""The setting `search` of a stage: its checks, its variable and the role of the stream handler.

`stream_function.py` deploys the stream handler itself.
"""

from __future__ import annotations

from typing import Any

from click import ClickException

from . import function_role, limits, policies, stream_function

# The stream handler compares the ticket before and after a change.
VIEW_TYPE = "NEW_AND_OLD_IMAGES"


def check_setting(cli: Any) -> None:
    """Raise `ClickException` if the setting cannot be used, or if the stage sets `SEARCH_TABLE`."""
    stage = f"The stage {cli.api_stage} in zappa_settings.json"
    if type(cli.stage_config.get("search", False)) is not bool:
        raise ClickException(f"{stage}: search must be true or false.")
    if "SEARCH_TABLE" in cli.aws_environment_variables:
        raise ClickException(
            f"{stage}: remove SEARCH_TABLE from aws_environment_variables. To turn on search, set"
            ' "search" to true.'
        )


def variables(cli: Any, names: dict[str, str]) -> dict[str, str]:
    """Return the variables of the first function for search.

    Without search, the result is an empty `SEARCH_TABLE` if the function has the variable, because
    Zappa keeps variables that the settings do not have.
    """
    if names["search_table"] or "SEARCH_TABLE" in limits.current_variables(cli):
        return {"SEARCH_TABLE": names["search_table"]}
    return {}


def prepare(cli: Any, account: str, names: dict[str, str]) -> None:
    """Check the tables and prepare the role of the stream handler.

    Raises:
        ClickException: The index table or the stream of the ticket table does not exist.
    """
    find_stream(cli, names)
    role, boundary = names["stream_role"], names["stream_boundary"]
    trust_policy = policies.render("stream-trust-policy.json", account, names)
    iam = cli.zappa.iam_client
    function_role.prepare(iam, role, trust_policy, policies.policy_arn(account, boundary))
    policy = policies.render("stream-role-policy.json", account, names)
    function_role.write_policy(iam, role, policy)


def deploy(cli: Any, names: dict[str, str]) -> None:
    """Deploy the stream handler from the zip of the first function, and map the stream to it."""
    stream_function.deploy(cli, names, find_stream(cli, names))


def remove(cli: Any, names: dict[str, str]) -> None:
    """Delete the stream handler if the stage had search until now."""
    # The deployer of a stage that never had search may not look for a stream handler.
    if limits.current_variables(cli).get("SEARCH_TABLE"):
        stream_function.remove(cli, names)


def check_undeploy(cli: Any, names: dict[str, str]) -> None:
    """Raise `ClickException` if `zappa undeploy` would leave a stream handler behind.

    Zappa has no callback at the end of `undeploy`.
    """
    if limits.current_variables(cli).get("SEARCH_TABLE") and stream_function.exists(cli, names):
        raise ClickException(
            f"`zappa undeploy {cli.api_stage}` would not delete {names['stream_handler']}. First"
            ' set "search" to false in zappa_settings.json, and run'
            f" `zappa update {cli.api_stage}`."
        )


def find_stream(cli: Any, names: dict[str, str]) -> str:
    """Return the ARN of the ticket table's stream.

    Raises:
        ClickException: The index table or the stream of the ticket table does not exist.
    """
    command = (
        f"LOCAL_DYNAMODB= TABLE_NAME={names['table']} SEARCH_TABLE={names['search_table']}"
        f" REGION={names['region']} flask init-db"
    )
    client = cli.zappa.dynamodb_client
    tables = {}
    for name in (names["table"], names["search_table"]):
        try:
            tables[name] = client.describe_table(TableName=name)["Table"]
        except client.exceptions.ResourceNotFoundException:
            raise ClickException(
                f"The table {name} does not exist. An administrator creates it: {command}"
            ) from None
    table = tables[names["table"]]
    if table.get("StreamSpecification", {}).get("StreamViewType") != VIEW_TYPE:
        raise ClickException(
            f"The table {names['table']} has no stream with {VIEW_TYPE}. An administrator turns it"
            f" on: {command}"
        )
    return str(table["LatestStreamArn"])
