"""Where people are reached besides their email address: telephones, verified by a code, and browsers."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.crypto import constant_time_compare, salted_hmac

from apps.kernel.errors import Conflict, Invalid, NotFound
from apps.kernel.ids import uuid7
from apps.platform.models import Channel, ContactPoint, Notification
from apps.platform.operations.notifications import making
from apps.platform.operations.notifications.recipients import recipients_of
from apps.platform.operations.notifications.texts import Wording
from apps.platform.ports import push
from apps.tenancy import locks

MAX_POINTS = 10
NUMBER_PATTERN = r"\+[1-9]\d{6,14}"

CODE_DIGITS = 6
CODE_VALID_FOR = timedelta(minutes=10)
CODE_ATTEMPTS = 5
# Each code is a message that somebody pays for, to a number that somebody typed.
CODES_A_DAY = 5
CODE_PAUSE = timedelta(seconds=60)
_CODE = "contact_code"


class TooManyContactPoints(Conflict):
    """A person has as many as are kept."""

    slug = "too-many-contact-points"
    title = "You have too many of these."


class ContactPointExists(Conflict):
    """The person has it already."""

    slug = "contact-point-exists"
    title = "You have this one already."


class TooManyCodes(Conflict):
    """Codes were sent a moment ago, or often today."""

    slug = "too-many-codes"
    title = "No further code is sent now."


def add_telephone(*, settings_id: UUID, number: str, added_at: datetime) -> ContactPoint:
    """Note a telephone number, and send a code to it. It is used once the code has come back.

    :param number: in E.164.
    :raises Invalid: it is no number.
    :raises TooManyContactPoints: there are as many as are kept.
    :raises ContactPointExists: the person has it already.
    :raises TooManyCodes: no further code is sent to this person now.
    """
    if not re.fullmatch(NUMBER_PATTERN, number):
        raise Invalid(fields={"number": ["Give a number with its country, such as +351912345678."]})
    point = _added(
        ContactPoint(user_id=settings_id, channel=Channel.SMS, address=number, created_on=added_at)
    )
    send_code(settings_id=settings_id, point_id=point.id, asked_at=added_at)
    return point


def add_browser(
    *, settings_id: UUID, endpoint: str, keys: Mapping[str, str], added_at: datetime
) -> ContactPoint:
    """Note a browser's subscription; it needs no code, since only the browser has its keys.

    The same one again has its keys changed.

    :raises Invalid: its address or its keys are none.
    :raises TooManyContactPoints: there are as many as are kept.
    """
    if fault := push.fault_of_subscription(endpoint=endpoint, keys=keys):
        raise Invalid(fields={"endpoint": [fault]})
    _hold(settings_id)
    known = ContactPoint.objects.filter(
        user_id=settings_id, channel=Channel.PUSH, address=endpoint
    ).first()
    if known is not None:
        known.push_keys = dict(keys)
        known.save(update_fields=["push_keys"])
        return known
    return _added(
        ContactPoint(
            user_id=settings_id,
            channel=Channel.PUSH,
            address=endpoint,
            push_keys=dict(keys),
            verified_at=added_at,
            created_on=added_at,
        )
    )


def send_code(*, settings_id: UUID, point_id: UUID, asked_at: datetime) -> None:
    """Send a new code to a telephone; the one before is worth nothing from then on.

    :raises NotFound: the person has no such telephone that waits for one.
    :raises TooManyCodes: one was sent a moment ago, or there were many today.
    """
    _hold(settings_id)
    point = ContactPoint.objects.filter(
        id=point_id, user_id=settings_id, channel=Channel.SMS, verified_at=None
    ).first()
    if point is None:
        raise NotFound
    _check_may_send(settings_id, asked_at=asked_at)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    point.code_hash = _hash(code, point.id)
    point.code_expires_at = asked_at + CODE_VALID_FOR
    point.code_attempts_left = CODE_ATTEMPTS
    point.save(update_fields=["code_hash", "code_expires_at", "code_attempts_left"])
    person = recipients_of({settings_id}).get(settings_id)
    text = Wording(_CODE).text(
        channel=Channel.SMS,
        locale=person.locale if person else "en",
        values={
            "tenant_name": making.tenant_name(),
            "code": code,
            "minutes": CODE_VALID_FOR.seconds // 60,
        },
    )
    making.insert(
        [
            Notification(
                user_id=settings_id,
                template_key=_CODE,
                topic=_CODE,
                channel=Channel.SMS,
                body=text.body,
                meta_data={"contact_point_id": str(point.id)},
                due_at=asked_at,
                created_on=asked_at,
            )
        ]
    )


def verify(*, settings_id: UUID, point_id: UUID, code: str, verified_at: datetime) -> bool:
    """Take back a code; return whether it was the one that was sent. A wrong one is counted.

    :raises NotFound: the person has no such telephone.
    """
    point = (
        ContactPoint.objects.select_for_update()
        .filter(id=point_id, user_id=settings_id, channel=Channel.SMS)
        .first()
    )
    if point is None:
        raise NotFound
    if point.verified_at is not None:
        return True
    is_open = point.code_attempts_left > 0 and (
        point.code_expires_at is not None and point.code_expires_at > verified_at
    )
    if not is_open or not constant_time_compare(point.code_hash, _hash(code, point.id)):
        point.code_attempts_left = max(point.code_attempts_left - 1, 0)
        point.save(update_fields=["code_attempts_left"])
        return False
    point.verified_at, point.code_hash, point.code_expires_at = verified_at, "", None
    point.save(update_fields=["verified_at", "code_hash", "code_expires_at"])
    making.notify(
        user_ids={settings_id},
        topic="account",
        template_key="contact_added",
        context={"address_end": point.address[-2:], "contact_point_id": point.id},
        cause_id=uuid7(),
        made_at=verified_at,
    )
    return True


def remove(*, settings_id: UUID, point_id: UUID) -> None:
    """Forget a telephone or a browser.

    :raises NotFound: the person has no such one.
    """
    if not ContactPoint.objects.filter(id=point_id, user_id=settings_id).delete()[0]:
        raise NotFound


def _added(point: ContactPoint) -> ContactPoint:
    _hold(point.user_id)
    own = ContactPoint.objects.filter(user_id=point.user_id)
    if own.filter(channel=point.channel, address=point.address).exists():
        raise ContactPointExists("Remove it first, or have another code sent to it.")
    if own.count() >= MAX_POINTS:
        raise TooManyContactPoints(f"Remove one: a person has at most {MAX_POINTS}.")
    point.save()
    return point


def _hold(settings_id: UUID) -> None:
    """Have two requests of one person follow each other, so that each counts what the other added."""
    locks.hold("contacts", settings_id)


def _check_may_send(settings_id: UUID, *, asked_at: datetime) -> None:
    sent = list(
        Notification.objects.filter(
            user_id=settings_id,
            channel=Channel.SMS,
            topic=_CODE,
            created_on__gt=asked_at - timedelta(days=1),
        ).values_list("created_on", flat=True)
    )
    if len(sent) >= CODES_A_DAY:
        raise TooManyCodes(f"{CODES_A_DAY} were sent in 24 hours. Try again tomorrow.")
    if sent and max(sent) > asked_at - CODE_PAUSE:
        raise TooManyCodes("One was sent a moment ago. Wait a minute.")


def _hash(code: str, point_id: UUID) -> str:
    return salted_hmac(f"quintet contact codes {point_id}", code, algorithm="sha256").hexdigest()
