"""Doors to what is outside the database: wake-ups over Valkey, email, text messages, push, HTTP."""
