"""AWS credentials, loaded at the first request instead of when the client is created.

Lambda takes its SnapStart snapshot between the two. Under SnapStart the credentials come from a
local endpoint ("Activating and managing Lambda SnapStart" in the AWS Lambda guide). botocore would
ask that endpoint at once, and the snapshot would contain the credentials and an open connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import NoCredentialsError
from botocore.session import Session


def load_late(session: Session) -> None:
    """Make clients of `session` load their credentials when they sign their first request."""
    chain = session.get_component("credential_provider")
    session.register_component("credential_provider", _LateCredentials(chain))


class _LateCredentials:
    """Replaces both botocore's chain of providers and the credentials that the chain finds."""

    def __init__(self, chain: Any) -> None:
        self._chain = chain
        self._found: Any = None

    def load_credentials(self) -> _LateCredentials:
        return self

    def get_frozen_credentials(self) -> Any:
        # What the chain returns refreshes itself when it expires.
        self._found = self._found or self._chain.load_credentials()
        if self._found is None:
            raise NoCredentialsError
        return self._found.get_frozen_credentials()

    def get_deferred_property(self, name: str) -> Callable[[], Any]:
        return lambda: getattr(self.get_frozen_credentials(), name)
