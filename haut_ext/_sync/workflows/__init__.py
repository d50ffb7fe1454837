# Derived from haut_ext/_async/workflows/__init__.py by `make sync`; change that file instead.
"""Workflows that combine several API calls, such as upload and erasure."""
