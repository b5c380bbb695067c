"""What the demo tenants sell: standard library only.

`{name}` stands for the celebrity who sells it. Prices are in minor units of the tenant's currency.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ware:
    """A kind of item. `stock` 0: there is no end of it; `ranks` says which celebrities sell it, by weight."""

    item_type: str
    name: str
    description: str
    price: int
    keywords: tuple[str, ...]
    ranks: tuple[int, ...]
    stock: int = 0
    limit: int | None = None
    expires_after: int | None = None
    """In days."""
    is_refundable: bool = True
    opens_series: bool = False
    state: str = "ACTIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Something to subscribe to; `opens` counts the series that it opens."""

    name: str
    description: str
    recurrence: str
    price: int
    opens: int
    trial_days: int = 0
    periods: int | None = None


WARES: tuple[Ware, ...] = (
    Ware(
        item_type="PRODUCT",
        name="Signed poster of {name}",
        description="Signed with a pen that was nearly out of ink. No two are alike.",
        price=2_500,
        keywords=("poster", "signed", "gift"),
        ranks=(0, 1, 2, 3, 4, 5),
        stock=140,
        limit=4,
    ),
    Ware(
        item_type="PRODUCT",
        name="Tea towel, as used by {name}",
        description="Linen. Has dried better cups than yours, and would like to meet them.",
        price=1_400,
        keywords=("linen", "kitchen", "gift"),
        ranks=(0, 2, 6),
        stock=220,
    ),
    Ware(
        item_type="PRODUCT",
        name="Programme with all the mistakes",
        description="The printer's first run, before {name} read it.",
        price=900,
        keywords=("programme", "collectors"),
        ranks=(1,),
        stock=60,
        limit=1,
        is_refundable=False,
    ),
    Ware(
        item_type="CLASS",
        name="An evening class with {name}",
        description="Two hours, twelve chairs, one thing learnt properly.",
        price=4_800,
        keywords=("class", "learn", "evening"),
        ranks=(1, 2, 4, 5, 7),
        stock=48,
        limit=2,
    ),
    Ware(
        item_type="EVENT",
        name="{name}, live and unamplified",
        description="Doors at seven. The back row is closer than you think.",
        price=3_600,
        keywords=("ticket", "live", "evening"),
        ranks=(0, 1, 3),
        stock=180,
        limit=6,
    ),
    Ware(
        item_type="EVENT",
        name="Breakfast with {name}",
        description="Ten at a table. Eggs as you like them, stories as they were.",
        price=9_500,
        keywords=("ticket", "breakfast"),
        ranks=(0, 4),
        stock=20,
        limit=1,
        is_refundable=False,
    ),
    Ware(
        item_type="CONTENT",
        name="{name}: the long version",
        description="What was cut, in full, with the coughs.",
        price=700,
        keywords=("film", "uncut"),
        ranks=(0, 1, 2, 3, 5, 6),
        limit=1,
        opens_series=True,
    ),
    Ware(
        item_type="SUBSCRIPTION",
        name="A year of the long version, as a present",
        description="For somebody who has everything but time. {name} writes the card.",
        price=6_000,
        keywords=("gift", "year"),
        ranks=(0,),
        expires_after=365,
        opens_series=True,
    ),
    Ware(
        item_type="PRODUCT",
        name="Umbrella that {name} left on a train",
        description="Found again. Not for sale until its lawyer has called back.",
        price=12_000,
        keywords=("umbrella",),
        ranks=(2,),
        stock=1,
        state="DRAFT",
    ),
    Ware(
        item_type="CLASS",
        name="A class on punctuality with {name}",
        description="Postponed.",
        price=2_000,
        keywords=("class",),
        ranks=(3,),
        stock=12,
        state="PAUSED",
    ),
    Ware(
        item_type="PRODUCT",
        name="Calendar of the year before last",
        description="{name} in all seasons, most of them over.",
        price=500,
        keywords=("calendar",),
        ranks=(5,),
        stock=30,
        state="ARCHIVED",
    ),
)

SERIES: tuple[tuple[str, str], ...] = (
    ("The long version", "Everything that did not fit, in the order in which it happened."),
    ("Behind the curtain", "Ropes, sandbags, and who really turns the lights on."),
    ("Letters, read aloud", "One a week, with the envelope."),
)

PLANS: tuple[Plan, ...] = (
    Plan(
        name="Front row",
        description="All series, and the good seats first.",
        recurrence="MONTHLY",
        price=900,
        opens=3,
    ),
    Plan(
        name="Friend of the house",
        description="A year of it, and your name on a brick.",
        recurrence="YEARLY",
        price=8_400,
        opens=3,
    ),
    Plan(
        name="A letter a week",
        description="Read aloud on Sundays. Two weeks to see whether you like the voice.",
        recurrence="WEEKLY",
        price=250,
        opens=1,
        trial_days=14,
    ),
    Plan(
        name="Half a season",
        description="Three months, then it ends by itself, as seasons do.",
        recurrence="MONTHLY",
        price=700,
        opens=2,
        periods=3,
    ),
)

# Code, kind, percent (in hundredths) or amount, minimum, most uses, and for how many days it lasts.
CODES: tuple[tuple[str, str, int, int, int | None, int | None], ...] = (
    ("WELCOME10", "PERCENT", 1_000, 0, None, None),
    ("SECONDCUP", "AMOUNT", 500, 2_000, 400, None),
    ("OPENINGNIGHT", "PERCENT", 2_500, 0, 60, 60),
    ("TEAMONEY", "CREDIT", 500, 0, 150, None),
)

VIRTUAL_CURRENCY = ("LMN", "Lumens", 0)
# So many minor units of the tenant's currency buy one of the virtual one; the first is over.
VIRTUAL_PRICES = (12, 10)
