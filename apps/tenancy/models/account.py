"""Placeholder until identity lands (its owner overwrites this file)."""

from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin
from django.db import models

from apps.kernel.ids import uuid7


class Account(AbstractBaseUser, PermissionsMixin):
    id = models.UUIDField(primary_key=True, default=uuid7)
    email = models.EmailField(unique=True)
    USERNAME_FIELD = "email"
