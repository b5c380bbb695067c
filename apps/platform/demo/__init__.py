"""What the demo tenants have of this context: tags, groups and what is said there."""
