"""The WSGI application that Zappa serves."""

from . import create_app

app = create_app()
