"""What the platform context does about messages."""

from apps.commerce.contracts import (
    DonationMade,
    ItemChanged,
    PurchaseCompleted,
    PurchaseRefunded,
    SubscriptionChanged,
)
from apps.kernel import messages
from apps.platform.contracts import (
    CommentChanged,
    FlagChanged,
    GroupChanged,
    LikeChanged,
    TagChanged,
)
from apps.platform.operations import boards, notifications, people, search, webhooks
from apps.tenancy import caching
from apps.users.contracts import FollowStarted, PersonErased, ProfileChanged


def subscribe() -> None:
    """Subscribe the context's handlers, from its `ready()`."""
    messages.subscribe(name="platform.webhooks", context="platform", handle=webhooks.queue_message)
    messages.subscribe(
        name="platform.index_search",
        context="platform",
        to=[ProfileChanged, PersonErased, TagChanged, GroupChanged, ItemChanged],
        handle=search.index_message,
        reset=search.forget_all_documents,
    )
    messages.subscribe(
        name="platform.forget_cached",
        context="platform",
        to=[TagChanged, FlagChanged],
        handle=caching.forget_what_changed,
    )
    messages.subscribe(
        name="platform.forget_people",
        context="platform",
        to=[PersonErased],
        handle=people.forget_erased,
    )
    messages.subscribe(
        name="platform.count_donations",
        context="platform",
        to=[DonationMade],
        handle=boards.count_donation,
    )
    for name, message, handle in (
        ("follows", FollowStarted, notifications.tell_of_follow),
        ("comments", CommentChanged, notifications.tell_of_comment),
        ("likes", LikeChanged, notifications.tell_of_like),
        ("purchases", PurchaseCompleted, notifications.tell_of_purchase),
        ("refunds", PurchaseRefunded, notifications.tell_of_refund),
        ("subscriptions", SubscriptionChanged, notifications.tell_of_subscription),
    ):
        messages.subscribe(
            name=f"platform.tell_of_{name}", context="platform", to=[message], handle=handle
        )
