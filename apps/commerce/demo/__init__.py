"""Demo data of the commerce context."""
