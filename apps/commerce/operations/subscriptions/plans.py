"""Plans: what can be subscribed to. Who has one keeps it, at the price they have it for."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.commerce.models import ContentSeries, PlanSeries, SubscriptionPlan
from apps.commerce.operations import entitlements
from apps.commerce.queries import currencies
from apps.kernel.errors import Invalid, NotFound

MAX_SERIES = 200
"""Of one plan."""


def create_plan(
    *,
    values: Mapping[str, Any],
    series_ids: Collection[UUID] = (),
    created_by_id: UUID,
    created_on: datetime,
) -> SubscriptionPlan:
    """Make a plan.

    :param values: by field name: name, recurring_payment, price and what else it has.
    :param created_by_id: a profile.
    :raises Invalid: a series is not there, or the currency is none.
    """
    plan = SubscriptionPlan(
        **values, created_by_id=created_by_id, created_on=created_on, updated_at=created_on
    )
    currencies.check_currency(code=plan.currency)
    plan.save(force_insert=True)
    _open_series(plan, _present(series_ids))
    return plan


def update_plan(
    *,
    plan_id: UUID,
    changes: Mapping[str, Any],
    series_ids: Collection[UUID] | None = None,
    updated_at: datetime,
) -> SubscriptionPlan:
    """Change what `changes` names. A new price is for those who subscribe from now on.

    :param series_ids: exactly these afterwards; None leaves them. Those that are added open for everybody
        who has the plan; those that are taken away stay open to who has it.
    :raises NotFound: there is no such plan.
    :raises Invalid: a series is not there.
    """
    plan = _hold(plan_id)
    for name, value in changes.items():
        setattr(plan, name, value)
    plan.updated_at = updated_at
    plan.save(update_fields=[*changes, "updated_at"])
    if series_ids is not None:
        _replace_series(plan, _present(series_ids), at=updated_at)
    return plan


def delete_plan(*, plan_id: UUID, deleted_at: datetime) -> None:
    """Delete a plan softly: nobody can subscribe to it any more.

    :raises NotFound: there is no such plan.
    """
    plan = _hold(plan_id)
    plan.deleted_at = plan.updated_at = deleted_at
    plan.save(update_fields=["deleted_at", "updated_at"])


def hold_for_sale(plan_id: UUID) -> SubscriptionPlan:
    """Return a plan that can be subscribed to, and stays as it is until the unit of work ends.

    :raises Invalid: there is none of this id, or it is not active.
    """
    # The ORM has no FOR SHARE, and FOR UPDATE would let people subscribe one after the other only.
    rows = SubscriptionPlan.objects.raw(
        "SELECT * FROM subscription_plans "
        "WHERE id = %s AND is_active AND deleted_at IS NULL FOR SHARE",
        [plan_id],
    )
    for plan in rows:
        return plan
    raise Invalid(fields={"plan_id": [f"There is no plan {plan_id} to subscribe to."]})


def _hold(plan_id: UUID) -> SubscriptionPlan:
    plan = SubscriptionPlan.objects.select_for_update().filter(id=plan_id, deleted_at=None).first()
    if plan is None:
        raise NotFound
    return plan


def _present(series_ids: Collection[UUID]) -> list[UUID]:
    wanted = list(dict.fromkeys(series_ids))
    if len(wanted) > MAX_SERIES:
        raise Invalid(fields={"series_ids": [f"There are {len(wanted)}; {MAX_SERIES} can be."]})
    rows = ContentSeries.objects.filter(id__in=wanted, deleted_at=None)
    found = set(rows.values_list("id", flat=True))
    missing = [str(id_) for id_ in wanted if id_ not in found]
    if missing:
        raise Invalid(fields={"series_ids": [f"There is no series {', '.join(missing)}."]})
    return wanted


def _open_series(plan: SubscriptionPlan, series_ids: Collection[UUID]) -> None:
    PlanSeries.objects.bulk_create(PlanSeries(plan=plan, series_id=id_) for id_ in series_ids)


def _replace_series(plan: SubscriptionPlan, wanted: list[UUID], *, at: datetime) -> None:
    there = set(PlanSeries.objects.filter(plan=plan).values_list("series_id", flat=True))
    PlanSeries.objects.filter(plan=plan, series_id__in=there - set(wanted)).delete()
    added = [id_ for id_ in wanted if id_ not in there]
    _open_series(plan, added)
    if added:
        entitlements.grant_series_to_subscribers(plan_id=plan.id, series_ids=added, granted_at=at)
