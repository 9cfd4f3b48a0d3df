"""The versions of the Lambda function, for `zappa update` and `zappa rollback`.

An update publishes one version for the code and one for the configuration. Together, they are one
release.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from click import ClickException

# The alias that API Gateway calls. Zappa creates it for SnapStart.
ALIAS = "snapstart"


def delete_failed_versions(cli: Any) -> None:
    """Delete the versions that are newer than the live version.

    An update whose code cannot start leaves such versions. Zappa would keep them at the next
    update, because they are the newest, and delete the live version. A rollback would return to
    them.

    Raises:
        ClickException: No version was ever live.
    """
    client = cli.zappa.lambda_client
    versions = cli.zappa.get_lambda_function_versions(cli.lambda_name)
    try:
        live = client.get_alias(FunctionName=cli.lambda_name, Name=ALIAS)["FunctionVersion"]
    except client.exceptions.ResourceNotFoundException:
        raise ClickException(
            f"The first deployment of {cli.lambda_name} failed. Remove it and deploy again:"
            f" zappa undeploy {cli.api_stage} && zappa deploy {cli.api_stage}"
        ) from None
    for number in (version["Version"] for version in versions):
        if number != "$LATEST" and int(number) > int(live):
            client.delete_function(FunctionName=cli.lambda_name, Qualifier=number)


def versions_back(cli: Any, releases: int) -> int:
    """Return how many versions are newer than a release. Zappa counts a rollback in versions.

    Args:
        cli: The `ZappaCLI`.
        releases: How many releases to go back.

    Raises:
        ClickException: There are not so many earlier releases.
    """
    found = cli.zappa.get_lambda_function_versions(cli.lambda_name)
    versions = [version for version in found if version["Version"] != "$LATEST"]
    versions.sort(key=lambda version: int(version["Version"]), reverse=True)
    # The versions of one release have the same code.
    releases_by_code = groupby(versions, lambda version: version["CodeSha256"])
    version_counts = [len(list(group)) for _, group in releases_by_code]
    if releases >= len(version_counts):
        raise ClickException(
            f"{cli.lambda_name} has no earlier version to roll back to. Check out the earlier code"
            f" and run: zappa update {cli.api_stage}"
        )
    return sum(version_counts[:releases])
