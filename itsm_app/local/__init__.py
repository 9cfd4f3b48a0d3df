"""The embedded DynamoDB that `flask run` starts."""
