"""Workflows of several calls."""
