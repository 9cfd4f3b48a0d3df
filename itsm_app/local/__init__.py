"""The app of the `flask` command, and the embedded DynamoDB that `flask run` starts."""
