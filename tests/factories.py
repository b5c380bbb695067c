"""Rows for tests. Make them inside a binding that writes in their context."""

import factory
from factory.django import DjangoModelFactory

from apps.kernel.ids import uuid7
from apps.platform.models import Tag, TagType
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
