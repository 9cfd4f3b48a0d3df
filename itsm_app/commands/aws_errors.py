"""What the user of a command can do about errors of AWS.

The error codes are from "Common errors" in the API References of DynamoDB and STS. Names that do
not end with "Exception" can also be exception classes of botocore.
"""

from __future__ import annotations

from .. import config
from ..config import REGION, TABLE_NAME
from ..storage.errors import StorageUnavailable
from . import disk_errors

# By error code: what is wrong, then what to do, as the rest of a sentence after a colon.
REMEDIES = {
    "AccessDeniedException": "these AWS credentials do not have the required permission; ask for"
    " the permission, or use other credentials",
    "ConfigParseError": "the configuration file of the AWS SDK cannot be parsed; correct the file,"
    " or the variable AWS_CONFIG_FILE",
    "ConnectTimeoutError": "DynamoDB cannot be reached; check the network, REGION and the variable"
    " AWS_ENDPOINT_URL_DYNAMODB",
    "EndpointConnectionError": "DynamoDB cannot be reached; check the network, REGION and the"
    " variable AWS_ENDPOINT_URL_DYNAMODB",
    "ExpiredToken": "these AWS credentials have expired; sign in again",
    "ExpiredTokenException": "these AWS credentials have expired; sign in again",
    "InvalidClientTokenId": "these AWS credentials are not valid; sign in again",
    "InvalidDefaultsMode": "the variable AWS_DEFAULTS_MODE is not valid; correct or remove it",
    "InvalidRegionError": f"{REGION} is not an AWS region; correct REGION",
    "NoCredentialsError": "there are no AWS credentials; sign in, or set AWS_PROFILE",
    "ProfileNotFound": "this AWS profile does not exist; correct AWS_PROFILE",
    "ProxyConnectionError": "the proxy cannot be reached; correct the variable HTTPS_PROXY",
    "SSOTokenLoadError": "you are not signed in; run `aws sso login`",
    "UnauthorizedSSOTokenError": "your sign-in has expired; run `aws sso login`",
    "UnrecognizedClientException": "these AWS credentials are not valid; sign in again",
}


def remedy(error: StorageUnavailable | ValueError) -> str:
    """Return what is wrong and what to do, as the rest of a sentence after a colon."""
    if not isinstance(error, StorageUnavailable):
        # botocore's message about an AWS_ENDPOINT_URL_DYNAMODB that is not a URL.
        return str(error).rstrip(".")
    if config.uses_embedded_dynamodb():
        return disk_errors.remedy(error)
    if error.cause == "ResourceNotFoundException":
        return f"the table {TABLE_NAME} does not exist in {REGION}; correct TABLE_NAME or REGION"
    if error.cause in REMEDIES:
        return REMEDIES[error.cause]
    message = error.message.rstrip(".")
    if error.attempts == 0:
        return f"the AWS SDK rejects its settings; correct them ({error.cause}: {message})"
    return f"DynamoDB rejected the request or did not respond ({error.cause}: {message})"
