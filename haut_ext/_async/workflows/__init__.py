"""Workflows that combine several API calls, such as upload and erasure."""
