"""The ticket operations and their rules. No HTTP and no AWS SDK.

A caller is the person on the phone who reports the problem. The desk is the staff of the service
desk, who work on the tickets. A client is a program that sends requests with an API key.

A `reference` to a ticket is its id or its ticket number. A function that gets a `caller_id` treats
a ticket of another caller as if the ticket did not exist. Every function that reads or writes
tickets raises `StorageUnavailable` if DynamoDB fails.

Every write is safe to repeat and takes effect once. A client repeats a request with the same
idempotency key. `storage.retry` repeats the same DynamoDB request.
"""
