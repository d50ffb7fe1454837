"""HTTP policy shared by both clients: pure decisions, no I/O.

`retry` decides what is repeated and when, `deadlines` limits a call, `call` follows one request
through its attempts, `response_errors` builds typed errors, `redaction` keeps secrets out of text,
`pool` chooses the inner client of a request. `_async/http.py` and `_sync/http.py` do the sending.
"""
