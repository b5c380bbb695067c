"""What people say in the demo tenants: standard library only.

Speakers are "star" (the group's host), "guest" (another celebrity) or a number, which counts the
fans. Every talk is told oldest first; `hours_ago` is when it was said.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message. `likes` is how many fans like it; `comments` are by fans, oldest first."""

    who: str | int
    text: str
    hours_ago: float
    content_type: str = "TEXT"
    likes: int = 0
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A group, and what is said in it."""

    group_type: str
    """SSE, MESSAGE_BOARD or CHAT."""
    name: str
    description: str
    said: tuple[Said, ...]
    is_invited: bool = False


def _lines(*rows: tuple[str | int, float, str, int]) -> tuple[Said, ...]:
    return tuple(
        Said(who=who, hours_ago=hours, text=text, likes=likes) for who, hours, text, likes in rows
    )


LOUNGE = Talk(
    group_type="CHAT",
    name="The lounge",
    description="Come in, the kettle is on. Be kind, be brief, no spoilers before Sunday.",
    said=_lines(
        (0, 74, "Is this thing on?", 2),
        (1, 73.9, "It is on. So is the kettle.", 5),
        (2, 73, "First time here. Who should I follow?", 0),
        (3, 72.8, "Everybody. Then unfollow whoever posts before breakfast.", 7),
        ("star", 50, "I post before breakfast.", 19),
        (3, 49.8, "I stand by what I said.", 23),
        (4, 30, "My shoutout arrived! My mother has played it to the postman. Twice.", 14),
        ("guest", 29, "Tell the postman hello. He sounds like a patient man.", 11),
        (5, 8, "Anyone going on Saturday? I have one ticket and no courage.", 3),
        (2, 7.5, "I have courage and no ticket.", 16),
        (5, 7.4, "Well. That settles it.", 9),
    ),
)

BOARD = Talk(
    group_type="MESSAGE_BOARD",
    name="The wall",
    description="Say something worth a like. Points for every message, and for every like of it.",
    said=(
        *_lines(
            (6, 120, "Unpopular opinion: the encore should come first.", 6),
            (7, 119, "Then when do I find my coat?", 12),
            (0, 96, "I met my best friend in the queue. We still disagree about the setlist.", 18),
            (8, 90, "What is the smallest thing that made you a fan?", 4),
        ),
        Said(
            who=1,
            hours_ago=88,
            text="They waved at the sound engineer before they waved at us.",
            likes=27,
            comments=("This. This is the one.", "I am the sound engineer. I waved back."),
        ),
        *_lines(
            (6, 70, "I knitted the logo. It looks like a duck. I am keeping it.", 21),
            (3, 66, "Post the duck.", 15),
        ),
        Said(
            who=6,
            hours_ago=65,
            text="https://pictures.example/knitted-duck.jpg",
            content_type="IMAGE",
            likes=31,
            comments=("Best duck.", "I would wear this duck.", "Name?", "Encore."),
        ),
        *_lines(
            ("star", 40, "I have seen the duck. I need the duck.", 44),
            (1, 39, "The duck has gone professional.", 13),
            (9, 12, "New here. I was told there is a duck.", 17),
        ),
    ),
)

NEWS = Talk(
    group_type="SSE",
    name="Announcements",
    description="News from the house. Only the hosts write here.",
    said=(
        *_lines(
            ("star", 200, "New dates are up. The matinee is for those with early trains.", 9),
            ("star", 100, "Sound check moved to three. Doors stay at seven.", 4),
        ),
        Said(
            who="star",
            hours_ago=20,
            content_type="RICH",
            text='{"type": "doc", "content": [{"type": "heading", "text": "Saturday"}, '
            '{"type": "paragraph", "text": "Bring a pen: there is something to sign."}]}',
            likes=12,
        ),
    ),
)

CIRCLE = Talk(
    group_type="CHAT",
    name="Green room",
    description="For the hosts and those they have asked in.",
    is_invited=True,
    said=_lines(
        ("star", 26, "Who took the good chair?", 1),
        ("guest", 25.9, "I am the good chair's new family.", 3),
        (0, 25, "I was only invited an hour ago and I already have an opinion about the chair.", 2),
    ),
)

TALKS = (NEWS, BOARD, LOUNGE, CIRCLE)
