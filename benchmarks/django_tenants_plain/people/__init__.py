"""The tables of the users context, as a tenant of django-tenants has them."""
