"""Leaving a topic by the link in an email, without signing in: the link can do that and nothing else."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core import signing

from apps.kernel.errors import NotFound
from apps.platform.models import Channel, Frequency, NotificationPreference
from apps.platform.operations.notifications import topics
from apps.tenancy.models import Domain

DIGEST = "digest"
_SALT = "quintet unsubscribe links"


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is for: one topic, by email, of one person in one tenant. It never expires."""

    tenant_id: UUID
    settings_id: UUID
    topic: str


def url_of(link: Link) -> str:
    """Return the address that a link leads to, on the tenant's host."""
    token = signing.dumps([str(link.tenant_id), str(link.settings_id), link.topic], salt=_SALT)
    domain = (
        Domain.objects.filter(tenant_id=link.tenant_id, is_primary=True)
        .values_list("domain", flat=True)
        .first()
    )
    return settings.UNSUBSCRIBE_URL.format(domain=domain or settings.PLATFORM_HOST, token=token)


def read(token: str, *, tenant_id: UUID) -> Link:
    """Return what a token is for.

    :raises NotFound: it was not signed here, or for another tenant.
    """
    try:
        of_tenant, settings_id, topic = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        raise NotFound("This link is not complete. Copy all of it.") from None
    link = Link(UUID(of_tenant), UUID(settings_id), topic)
    if link.tenant_id != tenant_id or not may_leave(link.topic):
        raise NotFound
    return link


def may_leave(topic: str) -> bool:
    """Return whether emails of a topic can be switched off."""
    found = topics.TOPICS.get(topic)
    return found is not None and found.is_optional


def unsubscribe(link: Link, *, left_at: datetime) -> None:
    """Send no more emails of the topic. Once more changes nothing.

    The link in a digest ends digests: every topic that was wanted in one.
    """
    never = {"frequency": Frequency.NEVER, "updated_at": left_at}
    if link.topic == DIGEST:
        NotificationPreference.objects.filter(
            user_id=link.settings_id,
            channel=Channel.EMAIL,
            frequency__in=[Frequency.DAILY, Frequency.WEEKLY],
        ).update(**never)
        return
    NotificationPreference.objects.update_or_create(
        user_id=link.settings_id, channel=Channel.EMAIL, topic=link.topic, defaults=never
    )
