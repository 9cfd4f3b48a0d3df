"""The WSGI application that servers and the Lambda serve."""

from . import create_app
from .storage.models import Ticket

app = create_app()
# Not at the first requests: each thread of a server would make a client of its own, all at once.
Ticket.connect()
