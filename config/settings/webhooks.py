"""Webhooks: where a tenant's endpoints may be."""

from config.settings.base import env

# Endpoints without TLS are for development and tests only.
WEBHOOKS_ALLOW_HTTP = env.bool("WEBHOOKS_ALLOW_HTTP", False)
# Endpoints on private addresses and on this machine: for development, tests, and deployments whose
# tenants are all trusted with the network they run in.
WEBHOOKS_ALLOW_PRIVATE = env.bool("WEBHOOKS_ALLOW_PRIVATE", False)
