"""The door for flows of Amazon Connect. Only the Lambda handler and the deployment import it."""
