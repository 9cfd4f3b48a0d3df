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
    "ConnectTimeoutError": "DynamoDB cannot be reached; check the network, REGION and the variable"
    " AWS_ENDPOINT_URL_DYNAMODB",
    "EndpointConnectionError": "DynamoDB cannot be reached; check the network, REGION and the"
    " variable AWS_ENDPOINT_URL_DYNAMODB",
    "ExpiredToken": "these AWS credentials have expired; sign in again",
    "ExpiredTokenException": "these AWS credentials have expired; sign in again",
    "InvalidClientTokenId": "these AWS credentials are not valid; sign in again",
    "InvalidDefaultsMode": "the variable AWS_DEFAULTS_MODE is not valid; correct or remove it",
    "InvalidIMDSEndpointModeError": "the variable AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is not"
    " valid; correct or remove it",
    "InvalidRegionError": f"{REGION} is not an AWS region; correct REGION",
    "InvalidSTSRegionalEndpointsConfigError": "the variable AWS_STS_REGIONAL_ENDPOINTS is not"
    " valid; correct or remove it",
    "NoCredentialsError": "there are no AWS credentials; sign in, or set AWS_PROFILE",
    "ProfileNotFound": "this AWS profile does not exist; correct AWS_PROFILE",
    "ProxyConnectionError": "the proxy cannot be reached; correct the variable HTTPS_PROXY",
    "SSLError": "the TLS connection to DynamoDB failed; correct the variable AWS_CA_BUNDLE, or the"
    " CA certificates of this machine",
    "SSOTokenLoadError": "you are not signed in; run `aws sso login`",
    "UnauthorizedSSOTokenError": "your sign-in has expired; run `aws sso login`",
    "UnrecognizedClientException": "these AWS credentials are not valid; sign in again",
}
# The SDK finds these errors in its files when it needs the credentials for the first request.
ERRORS_IN_FILES = ("ConfigParseError", "PartialCredentialsError")


def remedy(error: StorageUnavailable | ValueError) -> str:
    """Return what is wrong and what to do, as the rest of a sentence after a colon."""
    if not isinstance(error, StorageUnavailable):
        return _rejected_settings(str(error))
    if config.uses_embedded_dynamodb():
        return disk_errors.remedy(error)
    if error.cause == "ResourceNotFoundException":
        return f"the table {TABLE_NAME} does not exist in {REGION}; correct TABLE_NAME or REGION"
    if error.cause in REMEDIES:
        return REMEDIES[error.cause]
    if error.attempts == 0 or error.cause in ERRORS_IN_FILES:
        return _rejected_settings(error.message)
    message = error.message.rstrip(".")
    return f"DynamoDB rejected the request or did not respond ({error.cause}: {message})"


def _rejected_settings(message: str) -> str:
    # A number that is none: Python's message does not name the variable.
    if "int()" in message:
        message = (
            "AWS_METADATA_SERVICE_TIMEOUT and AWS_METADATA_SERVICE_NUM_ATTEMPTS must be whole"
            " numbers"
        )
    return (
        "the AWS SDK rejects its settings; correct its variables, or the files that they name"
        f" ({message.rstrip('.')})"
    )
