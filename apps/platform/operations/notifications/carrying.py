"""Carrying: a notification in the form that its carrier takes, handed over outside of any unit of work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from apps.platform.models import Channel, Notification
from apps.platform.operations.notifications import unsubscribing
from apps.platform.operations.notifications.recipients import Recipient
from apps.platform.ports import email, push, sms
from apps.platform.ports.carried import Outcome


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is sent: an address, and what it is known by here."""

    address: str
    hashed: str
    point_id: UUID | None = None
    push_keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A notification as it is handed over."""

    id: UUID
    tenant_id: UUID
    channel: str
    topic: str
    subject: str
    body: str
    places: Sequence[Place]
    sender_name: str
    locale: str
    unsubscribe_url: str

    @classmethod
    def of(
        cls,
        row: Notification,
        person: Recipient,
        places: Sequence[Place],
        *,
        sender_name: str,
    ) -> "Parcel":
        """Return a row as a parcel; an email of a topic that can be left has the link to leave it."""
        link = unsubscribing.Link(row.tenant_id, person.settings_id, row.topic)
        leads_out = row.channel == Channel.EMAIL and unsubscribing.may_leave(row.topic)
        return cls(
            id=row.id,
            tenant_id=row.tenant_id,
            channel=row.channel,
            topic=row.topic,
            subject=row.subject,
            body=row.body,
            places=tuple(places),
            sender_name=sender_name,
            locale=person.locale,
            unsubscribe_url=unsubscribing.url_of(link) if leads_out else "",
        )


class Carriers:
    """The carriers of one run, which keeps a connection to the mail server open."""

    def __init__(self) -> None:
        self._mailbag = email.Mailbag()

    def carry(self, parcel: Parcel) -> list[tuple[Place, Outcome]]:
        """Hand a parcel over for each of its places; return what came of each."""
        return [(place, self._carry_to(place, parcel)) for place in parcel.places]

    def _carry_to(self, place: Place, parcel: Parcel) -> Outcome:
        if parcel.channel == Channel.EMAIL:
            return self._mailbag.send(
                email.Email(
                    id=parcel.id,
                    tenant_id=parcel.tenant_id,
                    to=place.address,
                    sender_name=parcel.sender_name,
                    subject=parcel.subject,
                    body=parcel.body,
                    unsubscribe_url=parcel.unsubscribe_url,
                    locale=parcel.locale,
                )
            )
        if parcel.channel == Channel.SMS:
            return sms.send(
                sms.TextMessage(
                    id=parcel.id,
                    tenant_id=parcel.tenant_id,
                    to=place.address,
                    body=parcel.body,
                )
            )
        return push.send(
            push.Push(
                id=parcel.id,
                endpoint=place.address,
                keys=place.push_keys,
                title=parcel.subject,
                body=parcel.body,
                topic=parcel.topic,
            )
        )

    def close(self) -> None:
        """End what is open."""
        self._mailbag.close()
