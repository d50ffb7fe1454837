"""HTTP policy shared by the sync and the async client, without I/O.

`attempts` interprets the outcome of each attempt and `retry_policy` decides which requests are
repeated; `response_errors` builds the typed errors and `redaction` removes secrets from text.
`connections` creates and selects the inner httpx clients. Sending and waiting are in
`_async/connections.py` and `_sync/connections.py`.
"""
