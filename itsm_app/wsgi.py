"""The WSGI application that servers and the Lambda serve."""

from . import create_app
from .api import exit_signals
from .storage.models import Ticket

app = create_app()
# Create the client at start. Otherwise the first requests of a threaded server wait for it.
Ticket.connection()
exit_signals.exit_at_sigterm()
