"""Rows for tests. Make them inside a binding that writes in their context."""

import factory
from factory.django import DjangoModelFactory

from apps.kernel.ids import uuid7
from apps.platform.models import (
    Comment,
    ContactPoint,
    DeliveryState,
    GroupMember,
    GroupMessage,
    GroupType,
    Notification,
    RealtimeGroup,
    Tag,
    TagType,
    TargetType,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookProgress,
)
from apps.platform.operations.webhooks import secrets
from apps.users.models import FanFollow, Profile, ProfileStatus, ProfileType


class CelebrityFactory(DjangoModelFactory):
    """An active celebrity."""

    class Meta:
        model = Profile

    profile_type = ProfileType.CELEBRITY
    keycloak_id = factory.LazyFunction(uuid7)
    display_name = factory.Sequence(lambda n: f"Celebrity {n}")
    status = ProfileStatus.ACTIVE


class FanFactory(DjangoModelFactory):
    """An active fan."""

    class Meta:
        model = Profile

    profile_type = ProfileType.FAN
    keycloak_id = factory.LazyFunction(uuid7)
    display_name = factory.Sequence(lambda n: f"Fan {n}")
    status = ProfileStatus.ACTIVE


class GroupFactory(DjangoModelFactory):
    """An approved group."""

    class Meta:
        model = Profile

    profile_type = ProfileType.GROUP
    display_name = factory.Sequence(lambda n: f"Group {n}")
    status = ProfileStatus.ACTIVE
    is_approved = True


class FollowFactory(DjangoModelFactory):
    """A fan follows a celebrity."""

    class Meta:
        model = FanFollow

    fan = factory.SubFactory(FanFactory)
    celebrity = factory.SubFactory(CelebrityFactory)
    followed_on = factory.LazyAttribute(lambda follow: follow.fan.created_on)
    notifications = factory.LazyFunction(list)


class TagFactory(DjangoModelFactory):
    """A tag."""

    class Meta:
        model = Tag

    name = factory.Sequence(lambda n: f"Tag {n}")
    tag_type = TagType.TOPIC


class RealtimeGroupFactory(DjangoModelFactory):
    """A chat that is open to everybody, whose creator moderates it."""

    class Meta:
        model = RealtimeGroup
        skip_postgeneration_save = True

    group_type = GroupType.CHAT
    name = factory.Sequence(lambda n: f"Chat {n}")

    @factory.post_generation
    def creator_is_in_it(self, create, extracted, **kwargs):
        if create:
            GroupMemberFactory(
                group=self, user_id=self.created_by_id, is_moderator=True, added_on=self.created_on
            )


class GroupMemberFactory(DjangoModelFactory):
    """Somebody in a group."""

    class Meta:
        model = GroupMember

    added_on = factory.LazyAttribute(lambda member: member.group.created_on)


class GroupMessageFactory(DjangoModelFactory):
    """Something a member said."""

    class Meta:
        model = GroupMessage

    group = factory.LazyAttribute(lambda message: message.member.group)
    author_id = factory.LazyAttribute(lambda message: message.member.user_id)
    message_content = factory.Sequence(lambda n: f"Message {n}")


class CommentFactory(DjangoModelFactory):
    """A comment."""

    class Meta:
        model = Comment

    target_type = TargetType.GROUP_MESSAGE
    body = factory.Sequence(lambda n: f"Comment {n}")


class WebhookEndpointFactory(DjangoModelFactory):
    """An endpoint that is told of everything, and has been told of one thing."""

    class Meta:
        model = WebhookEndpoint
        skip_postgeneration_save = True

    url = "https://hooks.example.com/"
    sealed_secrets = factory.LazyFunction(lambda: [secrets.sealed(secrets.new_secret())])
    progress = factory.RelatedFactory(
        "tests.factories.WebhookProgressFactory", factory_related_name="endpoint"
    )


class WebhookProgressFactory(DjangoModelFactory):
    """How far an endpoint is: at its first delivery."""

    class Meta:
        model = WebhookProgress

    last_sequence = 1


class WebhookDeliveryFactory(DjangoModelFactory):
    """The first delivery of an endpoint, which was taken."""

    class Meta:
        model = WebhookDelivery

    endpoint = factory.SubFactory(WebhookEndpointFactory)
    sequence = 1
    message_id = factory.LazyFunction(uuid7)
    kind = "webhooks.ping"
    body = "{}"
    state = DeliveryState.DELIVERED


class NotificationFactory(DjangoModelFactory):
    """Something somebody was told in the app."""

    class Meta:
        model = Notification

    template_key = "new_like"
    topic = "new_like"
    channel = "IN_APP"
    status = "SENT"


class ContactPointFactory(DjangoModelFactory):
    """A telephone that waits for its code."""

    class Meta:
        model = ContactPoint

    channel = "SMS"
    address = factory.Sequence(lambda n: f"+3519100{n:05}")
