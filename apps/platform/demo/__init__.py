"""The tags of the demo tenants."""
