"""Tests of the asynchronous client, written by hand. `make sync` derives `_sync` from them."""
