"""The routes, one module for each audience."""
