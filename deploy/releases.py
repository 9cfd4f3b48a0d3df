"""The versions of the function, as releases: what an update makes and a rollback brings back."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from click import ClickException

# Zappa's, for SnapStart: what API Gateway calls.
ALIAS = "snapstart"


def forget_failed(cli: Any) -> None:
    """Delete the versions that never went live.

    Raises `ClickException` when none ever did.
    """
    # An update whose code cannot start leaves versions that never went live. The next one would
    # keep those, as the newest, and try to delete the live one; a rollback would go back to them.
    client = cli.zappa.lambda_client
    versions = cli.zappa.get_lambda_function_versions(cli.lambda_name)
    try:
        live = client.get_alias(FunctionName=cli.lambda_name, Name=ALIAS)["FunctionVersion"]
    except client.exceptions.ResourceNotFoundException:
        raise ClickException(
            f"{cli.lambda_name} was never ready. Take it down and begin again:"
            f" zappa undeploy {cli.api_stage} && zappa deploy {cli.api_stage}"
        ) from None
    for version in (each["Version"] for each in versions):
        if version != "$LATEST" and int(version) > int(live):
            client.delete_function(FunctionName=cli.lambda_name, Qualifier=version)


def versions_back(cli: Any, releases: int) -> int:
    """Return how many versions of the function are newer than what ran `releases` ago.

    Raises `ClickException` when there is none that old.
    """
    # Zappa counts versions, and an update makes one for its code and one for its configuration.
    found = cli.zappa.get_lambda_function_versions(cli.lambda_name)
    versions = [each for each in found if each["Version"] != "$LATEST"]
    versions.sort(key=lambda each: int(each["Version"]), reverse=True)
    lengths = [len(list(same)) for _, same in groupby(versions, lambda each: each["CodeSha256"])]
    if releases >= len(lengths):
        raise ClickException(f"{cli.lambda_name} has no earlier version to go back to.")
    return sum(lengths[:releases])
