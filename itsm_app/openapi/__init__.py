"""The OpenAPI document and its viewer."""
