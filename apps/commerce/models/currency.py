"""Currencies of a tenant's own, and what currencies cost in one another."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils import timezone

from apps.kernel.money import MAX_AMOUNT
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited


class VirtualCurrency(TenantModel):
    """A currency that only this tenant has: coins, stars. Its code is none of ISO 4217."""

    code = models.CharField(max_length=3)
    name = models.CharField(max_length=255)
    decimals = models.SmallIntegerField(default=0)
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "virtual_currencies"
        verbose_name_plural = "virtual currencies"
        constraints = [
            models.UniqueConstraint(fields=["code"], name="virtual_currencies_code"),
            models.CheckConstraint(
                condition=Q(code__regex=r"^[A-Z]{3}$"), name="virtual_currencies_pattern"
            ),
            models.CheckConstraint(
                condition=Q(decimals__gte=0, decimals__lte=4), name="virtual_currencies_decimals"
            ),
            Audited(name="virtual_currencies_audit"),
        ]

    def __str__(self) -> str:
        return self.code


class ExchangeRate(TenantModel):
    """From `valid_from` on, `price` minor units of one currency buy `amount` minor units of another.

    No two of the same pair are valid at once. What was exchanged names the rate that it was exchanged
    at, so a rate is ended, not changed.
    """

    name = models.CharField(max_length=255, blank=True, default="")
    from_currency = models.CharField(max_length=3)
    to_currency = models.CharField(max_length=3)
    price = models.BigIntegerField()
    amount = models.BigIntegerField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    keywords = ArrayField(models.TextField(), default=list, blank=True)
    meta_data = models.JSONField(default=dict, blank=True)
    created_on = models.DateTimeField(default=timezone.now)
    deleted_on = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "exchange_rates"
        constraints = [
            models.CheckConstraint(
                condition=Q(price__gt=0, amount__gt=0), name="exchange_rates_positive"
            ),
            models.CheckConstraint(
                condition=Q(price__lte=MAX_AMOUNT, amount__lte=MAX_AMOUNT),
                name="exchange_rates_limit",
            ),
            models.CheckConstraint(
                condition=Q(from_currency__regex=r"^[A-Z]{3}$", to_currency__regex=r"^[A-Z]{3}$"),
                name="exchange_rates_currencies",
            ),
            models.CheckConstraint(
                condition=~Q(from_currency=F("to_currency")), name="exchange_rates_pair"
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from")),
                name="exchange_rates_span",
            ),
            ExclusionConstraint(
                name="exchange_rates_one_at_a_time",
                expressions=[
                    ("tenant_id", RangeOperators.EQUAL),
                    ("from_currency", RangeOperators.EQUAL),
                    ("to_currency", RangeOperators.EQUAL),
                    (
                        Func(
                            "valid_from",
                            "valid_until",
                            function="tstzrange",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(deleted_on=None),
            ),
            Audited(name="exchange_rates_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.price} {self.from_currency} = {self.amount} {self.to_currency}"
