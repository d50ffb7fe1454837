"""Photos: read, checked and sent."""
