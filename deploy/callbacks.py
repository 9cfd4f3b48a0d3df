"""What `zappa` calls on its way: "Project callbacks" in Zappa's README. `cli` is its command.

Zappa loads this file by its path, so the rest of the project is not importable by itself.
"""

from __future__ import annotations

import re
import sys
import time
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from click import ClickException, echo

sys.path.insert(0, str(Path(__file__).parent.parent))

from deploy import policies
from deploy.package import write_zip
from itsm_app import create_app

LOG_RETENTION_DAYS = 30
# Zappa's, for SnapStart: what API Gateway calls.
ALIAS = "snapstart"
# "Changes that I make are not always immediately visible", IAM User Guide: Lambda refuses a role
# that is younger than some seconds.
ROLE_SETTLES_SECONDS = 10


def name_resources(cli: Any) -> None:
    """Name all after the stage, and write out the role's policies (`settings`: at each command).

    Raises `ClickException` for a stage whose name will not do, and a `rollback` to nowhere.
    """
    _check_stage_name(cli.api_stage)
    names = policies.names(cli.api_stage, cli.stage_config)
    cli.lambda_name = names["function"]
    cli.zappa.role_name = names["role"]
    ours = {"TABLE_NAME": names["table"], "REGION": names["region"], "STAGE": names["stage"]}
    cli.aws_environment_variables = {**cli.aws_environment_variables, **ours}
    # `zappa package` needs no account, and has none.
    if cli.load_credentials:
        account = cli.zappa.sts_client.get_caller_identity()["Account"]
        cli.s3_bucket_name = policies.bucket_of(account, names["region"])
        cli.zappa.attach_policy = policies.render("role-policy.json", account, names)
        cli.zappa.assume_policy = policies.render("trust-policy.json", account, names)
    if cli.command in ("update", "rollback"):
        _forget_failed_versions(cli)
    if cli.command == "rollback":
        cli.vargs["num_rollback"] = _versions_back(cli, releases=cli.vargs["num_rollback"])


def fill_zip(cli: Any) -> None:
    """Put the package in the zip (`zip`: before it is uploaded). Raises `ClickException`."""
    try:
        write_zip(Path(cli.zip_path))
    except RuntimeError as error:
        raise ClickException(str(error)) from None
    if cli.command == "deploy":
        _make_log_group(cli)
        _await_role(cli)


def show_first_step(cli: Any) -> None:
    """Say how to file a ticket (`post`: when all is in place)."""
    url = cli.zappa.get_api_url(cli.lambda_name, cli.api_stage)
    body = '{"caller_id": "+15550100", "issue_description": "My printer is on fire"}'
    echo(f"Try: curl -d '{body}' {url}/tickets")


def _check_stage_name(stage: str) -> None:
    # What API Gateway (no hyphen) and CloudFormation (no underscore) both take.
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9]*", stage):
        raise ClickException(f"The stage {stage} needs a name of letters and digits.")
    for rule in create_app().url_map.iter_rules():
        # Zappa's handler would cut the name off the path: `/tickets` to `ickets`, for a stage `t`.
        if rule.rule.startswith(f"/{stage}"):
            raise ClickException(
                f"The stage {stage} needs another name: the route {rule.rule} begins with it, and"
                " requests would lose that beginning."
            )


def _forget_failed_versions(cli: Any) -> None:
    # An update whose code cannot start leaves versions that never went live. The next one would
    # keep those, as the newest, and try to delete the live one; a rollback would go back to them.
    client = cli.zappa.lambda_client
    versions = cli.zappa.get_lambda_function_versions(cli.lambda_name)
    if not versions:
        return
    live = client.get_alias(FunctionName=cli.lambda_name, Name=ALIAS)["FunctionVersion"]
    for version in (each["Version"] for each in versions):
        if version != "$LATEST" and int(version) > int(live):
            client.delete_function(FunctionName=cli.lambda_name, Qualifier=version)


def _versions_back(cli: Any, releases: int) -> int:
    # Zappa counts versions, and an update makes one for its code and one for its configuration.
    found = cli.zappa.get_lambda_function_versions(cli.lambda_name)
    versions = [each for each in found if each["Version"] != "$LATEST"]
    versions.sort(key=lambda each: int(each["Version"]), reverse=True)
    lengths = [len(list(same)) for _, same in groupby(versions, lambda each: each["CodeSha256"])]
    if releases >= len(lengths):
        raise ClickException(f"{cli.lambda_name} has no earlier version to go back to.")
    return sum(lengths[:releases])


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
