"""AWS credentials that are looked for at the first request, not when the client is made.

A Lambda's snapshot is taken in between. With SnapStart the credentials come from an endpoint of the
Lambda's own ("Activating and managing Lambda SnapStart" in the AWS Lambda guide): botocore would
ask it at once, and they and the connection to it would be in the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import NoCredentialsError
from botocore.session import Session


def look_late(session: Session) -> None:
    """Let the clients of `session` look for their credentials when they first sign a request."""
    chain = session.get_component("credential_provider")
    session.register_component("credential_provider", _LateCredentials(chain))


class _LateCredentials:
    """To botocore both its chain of providers and what that finds, which may refresh itself."""

    def __init__(self, chain: Any) -> None:
        self._chain = chain
        self._found: Any = None

    def load_credentials(self) -> _LateCredentials:
        return self

    def get_frozen_credentials(self) -> Any:
        self._found = self._found or self._chain.load_credentials()
        if self._found is None:
            raise NoCredentialsError
        return self._found.get_frozen_credentials()

    def get_deferred_property(self, name: str) -> Callable[[], Any]:
        return lambda: getattr(self.get_frozen_credentials(), name)
