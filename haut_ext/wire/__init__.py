"""What both faces decide about requests and answers, without sending anything.

`retry` says what may be repeated and when, `answers` turns answers and broken connections into
typed errors, `redaction` keeps secrets out of text, `logs` names the logger, `tokens` asks for a
token, `saving` writes downloads, `waiting` holds what the two faces cannot share. The sending itself
is in `_async` and, derived from it, `_sync`.
"""
