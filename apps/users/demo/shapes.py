"""Shapes of the demo content: frozen dataclasses, standard library only.

Everything points at everything else by key: a kebab-case name, unique among its kind. Ages are
whole days before "now", so that the caller turns them into dates by its own clock.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTag:
    """A tag of the taxonomy. `name` is its key; `associated` holds the names of other tags."""

    name: str
    tag_type: str
    """CATEGORY, SKILL, SPORT or TOPIC."""
    color: str
    """`#rrggbb`, lower case."""
    description: str
    keywords: tuple[str, ...]
    associated: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        tag_type: str,
        name: str,
        color: str,
        description: str,
        keywords: str,
        associated: str = "",
    ) -> "DemoTag":
        """Make a tag from a row; `keywords` and `associated` are separated by commas."""
        return cls(
            name=name,
            tag_type=tag_type,
            color=color,
            description=description,
            keywords=tuple(word.strip() for word in keywords.split(",")),
            associated=tuple(other.strip() for other in associated.split(",") if other.strip()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOffer:
    """What a celebrity does for money."""

    offer_type: str
    """CAMEO or SHOUTOUT."""
    price: int
    """In minor units of `currency`: 4500 is 45.00 USD."""
    currency: str
    is_available: bool
    delivery_days: int
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoProfile:
    """A celebrity or an expert (profile type CELEBRITY)."""

    key: str
    display_name: str
    first_name: str
    last_name: str
    title: str
    company_name: str
    bio: str
    tags: tuple[str, ...]
    store_code: str
    display_weight: int
    """Larger is shown first, 0 to 100."""
    shoutout: int
    """Price of a shoutout in minor units; 0: does not offer any."""
    pitch: str
    """Text of the shoutout offer, in the celebrity's own voice."""
    cameo: int = 0
    """Price of a cameo in minor units; 0: does not offer any."""
    is_booked_out: bool = False
    currency: str = "USD"
    referral_code: str = ""
    private: tuple[tuple[str, str], ...] = ()
    """Field-level privacy: pairs of field and `members` or `private`; all else is public."""

    @property
    def short_link(self) -> str:
        """Slug of the short link, unique among all profiles and groups."""
        return self.key

    def offers(self) -> tuple[DemoOffer, ...]:
        """Return the offers of this profile, the shoutout first; none, one or two."""
        terms = (
            ("SHOUTOUT", self.shoutout, 5, self.pitch),
            ("CAMEO", self.cameo, 14, f"{self.first_name} turns up in your film or live show."),
        )
        return tuple(
            DemoOffer(
                offer_type=offer_type,
                price=price,
                currency=self.currency,
                is_available=not self.is_booked_out,
                delivery_days=days,
                description=text,
            )
            for offer_type, price, days, text in terms
            if price
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoGroup:
    """A league, team, label, band or faculty (profile type GROUP); parents precede children."""

    key: str
    name: str
    description: str
    tags: tuple[str, ...]
    parent: str = ""
    owner: str = ""
    """Key of a celebrity, or empty."""
    members: tuple[str, ...] = ()
    """Keys of celebrities."""
    is_approved: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFan:
    """A fan. Who they are in the identity provider is for the caller to make."""

    key: str
    display_name: str
    first_name: str
    last_name: str
    email: str
    city: str
    interests: tuple[str, ...]
    """Names of one to four tags."""
    joined_days_ago: int
    follows_wanted: int
    """How many celebrities this fan would follow if the tenant had that many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFollow:
    """A fan follows a celebrity, or did. Keys of both; at most one per pair."""

    fan: str
    celebrity: str
    followed_days_ago: int
    unfollowed_days_ago: int | None
    """Fewer days than `followed_days_ago`; None while the follow is active."""
    notifications: tuple[str, ...]
    """What the fan wants to hear of: any of NEW_CONTENT, LIVE, OFFERS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStatusChange:
    """A step in the life of a profile, oldest first in a list."""

    status: str
    days_ago: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReferralCode:
    """A code that a celebrity hands out."""

    code: str
    owner: str
    """Key of a celebrity."""
    note: str
    max_uses: int | None
    """None: unlimited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoBrand:
    """A tenant: its story, and which part of the content it draws."""

    slug: str
    name: str
    tagline: str
    story: str
    primary_color: str
    currency: str
    has_own_home: bool
    seed: int
    fan_count: int
    profiles: tuple[str, ...]
    groups: tuple[str, ...]
    categories: tuple[str, ...]
    """Tags of type CATEGORY that the brand starts from; tags of its people come on top."""
    referrals: tuple[DemoReferralCode, ...]
