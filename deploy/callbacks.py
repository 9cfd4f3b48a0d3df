"""What `zappa` calls on its way: "Project callbacks" in Zappa's README. `cli` is its command.

Zappa loads this file by its path, so the rest of the project is not importable by itself.
"""

from __future__ import annotations

import os
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from click import ClickException, echo

sys.path.insert(0, str(Path(__file__).parent.parent))

from deploy import policies, releases
from deploy.package import check_python, write_zip
from itsm_app import create_app
from itsm_app.api import auth
from itsm_app.commands.aws_errors import REMEDIES
from itsm_app.config import InvalidSetting
from itsm_app.desk.sessions import MIN_SECRET_CHARACTERS

LOG_RETENTION_DAYS = 30
# "Changes that I make are not always immediately visible", IAM User Guide: Lambda refuses a role
# that is younger than some seconds.
ROLE_SETTLES_SECONDS = 10


def name_resources(cli: Any) -> None:
    """Name all after the stage, and write out the role's policies (`settings`: at each command).

    Raises `ClickException` on another Python than the Lambda's, for a stage whose name will not do,
    one that would have no keys, malformed ones or too short a `SECRET_KEY`, a `deploy` without a
    table, a command for what is not deployed, and a `rollback` to nowhere.
    """
    if cli.command in ("deploy", "update"):
        _check_keys(cli)
        _check_secret_key()
    if cli.command in ("deploy", "update", "package"):
        _check_python()
    _check_stage_name(cli.api_stage)
    names = policies.names(cli.api_stage, cli.stage_config)
    cli.lambda_name = names["function"]
    cli.zappa.role_name = names["role"]
    ours = {"TABLE_NAME": names["table"], "REGION": names["region"], "STAGE": names["stage"]}
    cli.aws_environment_variables = {**cli.aws_environment_variables, **ours, **_secret_key()}
    # `zappa package` needs no account, and has none.
    if cli.load_credentials:
        account = _account(cli)
        cli.s3_bucket_name = policies.bucket_of(account, names["region"])
        cli.zappa.attach_policy = policies.render("role-policy.json", account, names)
        cli.zappa.assume_policy = policies.render("trust-policy.json", account, names)
    if cli.command == "deploy":
        _check_table(cli, names["table"])
    if cli.command in ("update", "rollback", "status", "tail", "undeploy"):
        _check_function(cli)
    if cli.command in ("update", "rollback"):
        releases.forget_failed(cli)
    if cli.command == "rollback":
        cli.vargs["num_rollback"] = releases.versions_back(cli, cli.vargs["num_rollback"])


def fill_zip(cli: Any) -> None:
    """Put the package in the zip, and make what it is to run with (`zip`: before the upload)."""
    write_zip(Path(cli.zip_path))
    if cli.command == "deploy":
        _make_log_group(cli)
        _await_role(cli)


def show_first_step(cli: Any) -> None:
    """Say how to file a ticket (`post`: when all is in place)."""
    url = cli.zappa.get_api_url(cli.lambda_name, cli.api_stage)
    body = '{"caller_id": "+15550100", "issue_description": "My printer is on fire"}'
    echo(f"Try, with a key for KEY: curl -H 'x-api-key: KEY' -d '{body}' {url}/tickets")


def _check_keys(cli: Any) -> None:
    try:
        found = auth.parse(cli.aws_environment_variables.get("API_KEYS", ""))
    except InvalidSetting as error:
        raise ClickException(
            f"The stage {cli.api_stage} in zappa_settings.json: {error}."
        ) from None
    # An update would lock everybody out: who has a clone of their own may not have its keys.
    if not found:
        raise ClickException(
            f"The stage {cli.api_stage} in zappa_settings.json has no API_KEYS, so nobody could"
            " call it. Make a key with `flask new-key NAME --role agent`, and put its entry there."
        )


def _check_secret_key() -> None:
    length = len(os.environ.get("SECRET_KEY", ""))
    if 0 < length < MIN_SECRET_CHARACTERS:
        raise ClickException(
            f"SECRET_KEY has {length} characters and needs {MIN_SECRET_CHARACTERS} or more, or the"
            " desk would be shut. Make one with `openssl rand -hex 32`."
        )


def _secret_key() -> dict[str, str]:
    # It is secret, so zappa_settings.json is no place for it. Where it is not set, Zappa leaves the
    # function what it has.
    secret_key = os.environ.get("SECRET_KEY")
    return {"SECRET_KEY": secret_key} if secret_key else {}


def _check_python() -> None:
    try:
        check_python()
    except RuntimeError as error:
        raise ClickException(str(error)) from None


def _check_stage_name(stage: str) -> None:
    # What API Gateway (no hyphen) and CloudFormation (no underscore) both take.
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9]*", stage):
        raise ClickException(f"The stage {stage} needs a name of letters and digits.")
    for rule in create_app().url_map.iter_rules():
        # `/tickets` would become `ickets`, for a stage `t`. Not with our handler, but with Zappa's.
        if rule.rule.startswith(f"/{stage}"):
            raise ClickException(
                f"The stage {stage} needs another name: the route {rule.rule} begins with it, and"
                " Zappa's handler would cut that beginning off."
            )


def _account(cli: Any) -> str:
    try:
        return str(cli.zappa.sts_client.get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        response = getattr(error, "response", {})
        code = response.get("Error", {}).get("Code", type(error).__name__)
        raise ClickException(f"AWS does not know you: {REMEDIES.get(code, code)}.") from None


def _check_table(cli: Any, table: str) -> None:
    dynamodb = cli.zappa.dynamodb_client
    try:
        dynamodb.describe_table(TableName=table)
    except dynamodb.exceptions.ResourceNotFoundException:
        raise ClickException(
            f"There is no table {table} yet. Make it first: TABLE_NAME={table}"
            f" REGION={cli.aws_region} flask init-db"
        ) from None


def _check_function(cli: Any) -> None:
    if not cli.zappa.get_lambda_function_versions(cli.lambda_name):
        raise ClickException(
            f"{cli.lambda_name} is not there yet. Make it first: zappa deploy {cli.api_stage}"
        )


def _make_log_group(cli: Any) -> None:
    # Lambda would make one that keeps its lines for ever, and need the right to.
    logs = cli.zappa.logs_client
    group = f"/aws/lambda/{cli.lambda_name}"
    try:
        logs.create_log_group(logGroupName=group, tags=cli.tags)
    except logs.exceptions.ResourceAlreadyExistsException:
        return
    logs.put_retention_policy(logGroupName=group, retentionInDays=LOG_RETENTION_DAYS)


def _await_role(cli: Any) -> None:
    role = cli.zappa.iam_client.get_role(RoleName=cli.zappa.role_name)["Role"]
    age = (datetime.now(UTC) - role["CreateDate"]).total_seconds()
    time.sleep(max(0, ROLE_SETTLES_SECONDS - age))
