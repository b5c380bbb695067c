"""Placeholder until identity lands (its owner overwrites this file)."""

from django.db import models


class Membership(models.Model):
    tenant = models.ForeignKey("tenancy.Tenant", on_delete=models.CASCADE)


class Invitation(models.Model):
    tenant = models.ForeignKey("tenancy.Tenant", on_delete=models.CASCADE)
