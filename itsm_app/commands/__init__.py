"""The commands that the app adds to `flask`."""

from __future__ import annotations

from flask import Flask

from . import erase_caller, export_import, init_db, new_key


def init_app(app: Flask) -> None:
    """Add the commands to the app."""
    for command in (
        init_db.init_db,
        new_key.new_key,
        erase_caller.erase_caller,
        export_import.export_tickets,
        export_import.import_tickets,
    ):
        app.cli.add_command(command)
