"""The asynchronous face, written by hand. `_sync` is derived from it by `make sync`."""
