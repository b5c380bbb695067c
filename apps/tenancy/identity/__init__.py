"""Identity: the embedded issuer's glue, whom tenants trust, and the one way a token is verified."""
