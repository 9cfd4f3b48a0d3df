"""The WSGI application that servers and the Lambda serve."""

from pathlib import Path

from . import config, create_app
from .api import exit_signals
from .storage.models import Ticket

app = create_app()
# Create the client at start. Otherwise the first requests of a threaded server wait for it.
Ticket.connection()
exit_signals.exit_at_sigterm()
if config.uses_embedded_dynamodb():
    # Imported here, because the Lambda does not have the module.
    from .changes import embedded

    embedded.start(Path(config.LOCAL_DYNAMODB))
