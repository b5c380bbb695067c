"""Filters of the commerce API, one module for each kind of thing."""
