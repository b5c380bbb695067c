"""Views of the platform API, one module per part."""
