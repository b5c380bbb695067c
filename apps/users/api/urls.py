"""Addresses of the users context, under /api/v1/."""

from django.urls import path

from apps.users.api.views import details, follows, keys, me, profiles, referrals

_PROFILE = "profiles/<uuid:profile_id>"

urlpatterns = [
    path(
        "profiles",
        profiles.ProfileViewSet.as_view({"get": "list", "post": "create"}),
        name="profiles",
    ),
    path(
        _PROFILE,
        profiles.ProfileViewSet.as_view(
            {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
        ),
        name="profile",
    ),
    path(f"{_PROFILE}/restore", profiles.ProfileViewSet.as_view({"post": "restore"})),
    path(f"{_PROFILE}/approve", profiles.ProfileViewSet.as_view({"post": "approve"})),
    path(f"{_PROFILE}/reject", profiles.ProfileViewSet.as_view({"post": "reject"})),
    path(
        f"{_PROFILE}/images",
        details.ImageViewSet.as_view({"get": "list", "put": "replace"}),
        name="profile-images",
    ),
    path(f"{_PROFILE}/tags", details.TagsViewSet.as_view({"put": "replace"}), name="profile-tags"),
    path(
        f"{_PROFILE}/celebrities",
        details.CelebritiesViewSet.as_view({"get": "list", "put": "replace"}),
        name="group-celebrities",
    ),
    path(
        f"{_PROFILE}/privacy",
        details.PrivacyViewSet.as_view({"get": "retrieve", "put": "replace"}),
        name="profile-privacy",
    ),
    path(
        f"{_PROFILE}/offers", details.OfferViewSet.as_view({"get": "list"}), name="profile-offers"
    ),
    path(
        f"{_PROFILE}/offers/<str:offer_type>",
        details.OfferViewSet.as_view({"put": "replace", "delete": "destroy"}),
        name="profile-offer",
    ),
    path(
        f"{_PROFILE}/short-links",
        details.ShortLinkViewSet.as_view({"get": "list", "post": "create"}),
        name="profile-short-links",
    ),
    path(
        f"{_PROFILE}/short-links/<str:slug>",
        details.ShortLinkViewSet.as_view({"delete": "destroy"}),
        name="profile-short-link",
    ),
    path(
        f"{_PROFILE}/status-history",
        details.StatusHistoryViewSet.as_view({"get": "list"}),
        name="profile-status-history",
    ),
    path(
        f"{_PROFILE}/followers",
        follows.FollowerViewSet.as_view({"get": "list"}),
        name="profile-followers",
    ),
    path(
        f"{_PROFILE}/following",
        follows.FollowingViewSet.as_view({"get": "list"}),
        name="profile-following",
    ),
    path(
        f"{_PROFILE}/follow",
        follows.FollowViewSet.as_view(
            {"get": "retrieve", "put": "follow", "patch": "notify", "delete": "unfollow"}
        ),
        name="profile-follow",
    ),
    path("blocks", follows.BlockViewSet.as_view({"get": "list"}), name="blocks"),
    path(
        "blocks/<uuid:profile_id>",
        follows.BlockViewSet.as_view({"put": "block", "delete": "unblock"}),
        name="block",
    ),
    path(
        "referral-codes",
        referrals.ReferralCodeViewSet.as_view({"get": "list", "post": "create"}),
        name="referral-codes",
    ),
    path(
        "referral-codes/<str:code>/use",
        referrals.ReferralCodeViewSet.as_view({"post": "use"}),
        name="referral-code-use",
    ),
    path(
        "short-links/<str:slug>",
        details.SlugViewSet.as_view({"get": "retrieve"}),
        name="short-link",
    ),
    path(
        "me",
        me.MeViewSet.as_view(
            {
                "get": "retrieve",
                "post": "create",
                "patch": "partial_update",
                "delete": "destroy",
            }
        ),
        name="me",
    ),
    path("me/celebrity", me.MeViewSet.as_view({"post": "become_celebrity"}), name="me-celebrity"),
    path(
        "idempotency-keys/<str:key>",
        keys.AnsweredRequestViewSet.as_view({"get": "retrieve"}),
        name="idempotency-key",
    ),
]

# Mounted at the root of a tenant's host, where links are short.
root_urlpatterns = [
    path("go/<str:slug>", details.SlugViewSet.as_view({"get": "go"}), name="go"),
]
