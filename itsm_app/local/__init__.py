"""The embedded DynamoDB: the operations that the app uses, on SQLite, in the app's process."""
