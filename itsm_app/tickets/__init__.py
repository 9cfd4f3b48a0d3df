"""The ticket operations and their rules. No HTTP and no AWS SDK.

A `reference` to a ticket is its id or its ticket number. If a function gets a `caller_id`, a ticket
of another caller does not exist for it. Every function raises `StorageUnavailable` if DynamoDB
fails. Every write can be repeated: a client repeats it with the same idempotency key, and
`storage.retry` repeats it with the same request. Repeated or not, it takes effect once.
"""
