"""Reads and checks photos before they are uploaded."""
