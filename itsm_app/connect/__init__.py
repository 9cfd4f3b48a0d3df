"""The door for flows of Amazon Connect. Only the Lambda handler imports this package."""
