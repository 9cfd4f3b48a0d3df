"""The callbacks of `zappa`, named in `zappa_settings.json`. Their argument is the `ZappaCLI`.

See "Project callbacks" in Zappa's README.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from click import ClickException, echo

# Zappa loads this file by its path, and the project is not installed as a package.
sys.path.insert(0, str(Path(__file__).parent.parent))

from deploy import connect_permission, function_role, limits, log_group, policies, releases, search
from deploy.package import check_python, write_zip
from itsm_app import create_app
from itsm_app.api import auth
from itsm_app.commands.aws_errors import REMEDIES
from itsm_app.config import InvalidSetting
from itsm_app.tickets.limits import MIN_SECRET_CHARACTERS

# The secret settings, and what happens if one is too short.
SECRETS = {
    "SECRET_KEY": "Otherwise the desk is disabled.",
    "CALLER_SECRET": "Otherwise the app does not start.",
}


def name_resources(cli: Any) -> None:
    """Check the stage, name its resources and render the policies of its role.

    Zappa calls this as the callback `settings`, at the start of each command.

    For `deploy` and `update`, also check the limits and prepare the roles of the functions.

    Raises:
        ClickException: The Python version, the stage name, `API_KEYS`, `SECRET_KEY`,
            `CALLER_SECRET`, `search`, `CONNECT_INSTANCES` or the throttle cannot be used; the
            variables are too large; AWS rejects the credentials or lacks a permission; `deploy`
            finds no table; a stage with search has no index table or no stream; another command
            finds no function; `rollback` finds no earlier version; or `undeploy` would leave a
            stream handler behind.
    """
    with _denials_explained(cli):
        _prepare(cli)


@contextmanager
def _denials_explained(cli: Any) -> Iterator[None]:
    """Raise a `ClickException` that says what to do if AWS denies an action."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDenied", "AccessDeniedException"):
            raise
        raise ClickException(
            f"AWS denied {error.operation_name}. `zappa {cli.command} {cli.api_stage}` needs this"
            " permission. Ask an administrator to create or update the permissions boundary and the"
            " policy of the deployer: docs/deploy.md describes both."
        ) from None


def _prepare(cli: Any) -> None:
    if cli.command in ("deploy", "update"):
        _check_keys(cli)
        _check_secrets()
        limits.check_throttle(cli)
        search.check_setting(cli)
        connect_permission.check_setting(cli)
    if cli.command in ("deploy", "update", "package"):
        _check_python()
    _check_stage_name(cli.api_stage)
    names = policies.names(cli.api_stage, cli.stage_config)
    cli.lambda_name = names["function"]
    cli.zappa.role_name = names["role"]
    variables = {"TABLE_NAME": names["table"], "REGION": names["region"], "STAGE": names["stage"]}
    chosen = cli.aws_environment_variables
    cli.aws_environment_variables = {**chosen, **variables, **_secrets()}
    # `zappa package` works without an AWS account.
    if cli.load_credentials:
        account = _account(cli)
        cli.s3_bucket_name = policies.bucket_name(account, names["region"])
        cli.zappa.attach_policy = policies.render("role-policy.json", account, names)
        cli.zappa.assume_policy = policies.render("trust-policy.json", account, names)
    left_over = connect_permission.variables(cli)
    cli.aws_environment_variables |= search.variables(cli, names) | left_over
    if cli.command == "deploy":
        _check_table(cli, names["table"])
    if cli.command in ("update", "rollback", "status", "tail", "undeploy"):
        _check_function(cli)
    if cli.command in ("deploy", "update"):
        limits.check_variables(cli)
        if cli.load_credentials:
            limits.check_concurrency(cli)
            boundary = policies.policy_arn(account, names["boundary"])
            zappa = cli.zappa
            function_role.prepare(zappa.iam_client, zappa.role_name, zappa.assume_policy, boundary)
            if names["search_table"]:
                search.prepare(cli, account, names)
            else:
                search.remove(cli, names)
    if cli.command == "undeploy":
        search.check_undeploy(cli, names)
    if cli.command in ("update", "rollback"):
        releases.delete_failed_versions(cli)
    if cli.command == "rollback":
        cli.vargs["num_rollback"] = releases.versions_back(cli, cli.vargs["num_rollback"])


def fill_zip(cli: Any) -> None:
    """Replace Zappa's empty zip with the package, and create the log group.

    Zappa calls this as the callback `zip`, before it uploads the zip.
    """
    write_zip(Path(cli.zip_path))
    # Zappa deletes the file before it calls `finish_deployment`.
    cli.package = Path(cli.zip_path).read_bytes()
    if cli.command == "deploy":
        log_group.create(cli, cli.lambda_name)
        function_role.wait_until_usable(cli.zappa.iam_client, cli.zappa.role_name)


def finish_deployment(cli: Any) -> None:
    """Finish what Zappa does not do, and print a command that creates a ticket.

    Set the throttle, let Amazon Connect invoke the function, and deploy the stream handler.

    Zappa calls this as the callback `post`, at the end of `deploy` and `update`.
    """
    limits.set_throttle(cli)
    with _denials_explained(cli):
        connect_permission.grant(cli)
    names = policies.names(cli.api_stage, cli.stage_config)
    # There is no package with the options --no-upload and --zip.
    if names["search_table"] and hasattr(cli, "package"):
        with _denials_explained(cli):
            search.deploy(cli, names)
    url = cli.zappa.get_api_url(cli.lambda_name, cli.api_stage)
    body = '{"caller_id": "+15550100", "issue_description": "My printer is on fire"}'
    echo(f"Try, with your key as KEY: curl -H 'x-api-key: KEY' -d '{body}' {url}/tickets")


# The name of the callback in stages that were copied from release 0.1.0.
show_first_step = finish_deployment


def _check_keys(cli: Any) -> None:
    try:
        keys = auth.parse(cli.aws_environment_variables.get("API_KEYS", ""))
    except InvalidSetting as error:
        raise ClickException(
            f"The stage {cli.api_stage} in zappa_settings.json: {error}."
        ) from None
    # An update from a clone without the stage's keys would lock out all clients.
    if not keys:
        raise ClickException(
            f"The stage {cli.api_stage} in zappa_settings.json has no API_KEYS, so nobody could"
            " use the API. Create a key with `flask new-key NAME --role agent`, and put its entry"
            " into API_KEYS."
        )


def _check_secrets() -> None:
    for name, secret in _secrets().items():
        if len(secret) < MIN_SECRET_CHARACTERS:
            raise ClickException(
                f"{name} has {len(secret)} characters and needs {MIN_SECRET_CHARACTERS} or more."
                f" {SECRETS[name]} Create a secret with `openssl rand -hex 32`."
            )


def _secrets() -> dict[str, str]:
    # They come from the shell and not from zappa_settings.json. If one is not set, Zappa keeps the
    # function's current value.
    return {name: os.environ[name] for name in SECRETS if os.environ.get(name)}


def _check_python() -> None:
    try:
        check_python()
    except RuntimeError as error:
        raise ClickException(str(error)) from None


def _check_stage_name(stage: str) -> None:
    # API Gateway allows no hyphen, and CloudFormation no underscore.
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9]*", stage):
        raise ClickException(
            f"The stage name {stage} is not allowed. Use letters and digits only, and start with a"
            " letter."
        )
    for rule in create_app().url_map.iter_rules():
        # For a stage `t`, Zappa's handler would shorten `/tickets` to `ickets`. The handler of this
        # project would not.
        if rule.rule.startswith(f"/{stage}"):
            raise ClickException(
                f"The stage name {stage} is not allowed, because the route {rule.rule} starts with"
                " it: Zappa's handler would cut the name off the path. Choose another name."
            )


def _account(cli: Any) -> str:
    try:
        return str(cli.zappa.sts_client.get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        response = getattr(error, "response", {})
        code = response.get("Error", {}).get("Code", type(error).__name__)
        raise ClickException(f"Your AWS account is unknown: {REMEDIES.get(code, code)}.") from None


def _check_table(cli: Any, table: str) -> None:
    dynamodb = cli.zappa.dynamodb_client
    try:
        dynamodb.describe_table(TableName=table)
    except dynamodb.exceptions.ResourceNotFoundException:
        raise ClickException(
            f"The table {table} does not exist. An administrator creates it: LOCAL_DYNAMODB="
            f" TABLE_NAME={table} REGION={cli.aws_region} flask init-db"
        ) from None


def _check_function(cli: Any) -> None:
    if not cli.zappa.get_lambda_function_versions(cli.lambda_name):
        raise ClickException(
            f"The function {cli.lambda_name} does not exist. Create it first: zappa deploy"
            f" {cli.api_stage}"
        )
