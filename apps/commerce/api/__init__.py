"""The REST API of the commerce context."""
