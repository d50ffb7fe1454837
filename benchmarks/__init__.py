"""Benchmarks of haut_ext against plain httpx and openai's client. `make bench` runs them."""
