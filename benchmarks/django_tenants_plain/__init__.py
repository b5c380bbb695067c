"""The reference for provisioning: django-tenants as its tutorial installs it, a schema per tenant."""
