"""Replies and bodies, one module for each kind of thing."""
