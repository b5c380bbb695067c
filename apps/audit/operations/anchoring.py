"""Anchoring: a seal's statement and signature, copied to a database that its own can't reach."""

from datetime import datetime

from django.db.models import Max

from apps.audit.logs import Log, anchor_log_of
from apps.audit.models import AuditAnchor

PAGE = 500


def anchor_log(*, log: Log, anchored_at: datetime) -> int:
    """Copy the seals that follow the last anchored one; return how many.

    An anchor that is missing among others is left missing, and one of a seal that was never made is
    passed over: `verify_audit` reports both.

    :raises NoPlaceForAnchors: it is the platform's own log, and there is no pool.
    """
    place = anchor_log_of(log)
    anchored = 0
    while copied := _anchor_page(log, place, anchored_at):
        anchored += copied
    return anchored


def _anchor_page(log: Log, place: Log, anchored_at: datetime) -> int:
    with log.reading():
        newest = log.seals().aggregate(newest=Max("number"))["newest"] or 0
    with place.reading():
        known = place.anchors_of(log).filter(number__gt=0, number__lte=newest)
        last = known.aggregate(last=Max("number"))["last"] or 0
    with log.reading():
        seals = log.seals().filter(number__gt=last).in_order()
        page = list(seals.values_list("number", "statement", "signature")[:PAGE])
    if not page:
        return 0
    with place.writing():
        # Of two that anchor at once, one finds the anchors there: they are the same.
        AuditAnchor.objects.using(place.database).bulk_create(
            [
                AuditAnchor(
                    tenant_id=place.tenant.id,
                    database=log.database,
                    number=number,
                    statement=statement,
                    signature=signature,
                    anchored_at=anchored_at,
                )
                for number, statement, signature in page
            ],
            ignore_conflicts=True,
        )
    return len(page)
