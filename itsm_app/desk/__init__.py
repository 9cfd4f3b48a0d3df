"""The web pages of the desk. `blueprints/desk_pages.py` imports them at the first request."""
