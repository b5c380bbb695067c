"""Bodies and replies of the platform API, one module per part."""
