"""Asynchronous client, written by hand. `make sync` derives `_sync` from it."""
