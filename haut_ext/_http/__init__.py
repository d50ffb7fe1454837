"""HTTP policy shared by the sync and the async client.

The module `attempts` interprets the outcome of each attempt, and `retry_policy` decides which
requests are sent again. `response_errors` builds the typed errors, and `redaction` removes secrets
from text. `inner_clients` creates the httpx clients that send the requests. The attempt loop is in
`_async/http.py`.
"""
