"""DynamoDB: models, reads, conditional writes, queries, retries and the table."""
