"""Messages: recorded, relayed, replayed."""
