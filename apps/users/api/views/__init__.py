"""Views of the users context."""
