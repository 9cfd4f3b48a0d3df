"""The pages of the service desk. Loaded when they are first asked for: `blueprints/desk.py`."""
