"""The reference for a page: Django and DRF as their documentation shows them, for one customer.

No tenancy, no authentication, no middleware, no rate limits; plain tables with the same rows.
"""
