"""Placeholder until identity lands (its owner overwrites this file)."""

from django.db import models


class Issuer(models.Model):
    tenant = models.ForeignKey("tenancy.Tenant", on_delete=models.CASCADE)
