"""The floor for a page: no framework at all, and JSON that PostgreSQL makes."""
