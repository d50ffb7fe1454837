"""Resources of the service, each with its methods."""
