"""The taxonomy of the demo tenants: all tags; sports and topics are written here."""

from apps.users.demo import tags_craft
from apps.users.demo.shapes import DemoTag

SPORTS = (
    DemoTag.of(
        "SPORT",
        "Basketball",
        "#f97316",
        "Tall people, taller stories.",
        "hoops, dunk, court",
        "Sport",
    ),
    DemoTag.of(
        "SPORT",
        "Athletics",
        "#22c55e",
        "Run, jump, throw, repeat.",
        "track, sprint, field",
        "Sport",
    ),
    DemoTag.of(
        "SPORT", "Rugby", "#166534", "Politeness with tackles.", "scrum, flanker, try", "Sport"
    ),
    DemoTag.of(
        "SPORT", "Fencing", "#64748b", "Chess at the speed of a bee.", "epee, foil, duel", "Sport"
    ),
    DemoTag.of(
        "SPORT", "Archery", "#78350f", "Stillness, released.", "bow, arrow, target", "Sport"
    ),
    DemoTag.of(
        "SPORT", "Curling", "#38bdf8", "Sweeping, with stakes.", "stone, ice, skip", "Sport"
    ),
    DemoTag.of(
        "SPORT", "Surfing", "#06b6d4", "The sea decides.", "waves, board, ocean", "Outdoors, Sport"
    ),
    DemoTag.of(
        "SPORT",
        "Skateboarding",
        "#ef4444",
        "Every bench is an opportunity.",
        "ramp, street, tricks",
        "Sport",
    ),
    DemoTag.of(
        "SPORT",
        "Table Tennis",
        "#dc2626",
        "The loudest quiet game.",
        "ping pong, spin, serve",
        "Sport",
    ),
    DemoTag.of(
        "SPORT",
        "Biathlon",
        "#93c5fd",
        "Ski until you shake, then shoot straight.",
        "ski, rifle, winter",
        "Sport, Outdoors",
    ),
    DemoTag.of(
        "SPORT",
        "Trail Running",
        "#84cc16",
        "Shortcuts are for roads.",
        "ultra, mountain, endurance",
        "Outdoors, Athletics",
    ),
    DemoTag.of(
        "SPORT",
        "Beach Volleyball",
        "#facc15",
        "Two a side, sand everywhere.",
        "sand, spike, summer",
        "Sport",
    ),
    DemoTag.of(
        "SPORT",
        "Chess",
        "#57534e",
        "Sixty-four squares, no excuses.",
        "openings, endgame, board",
        "Games",
    ),
)

TOPICS = (
    DemoTag.of(
        "TOPIC",
        "Astronomy",
        "#1e3a8a",
        "Very far, very old, very lovely.",
        "stars, telescope, space",
        "Science",
    ),
    DemoTag.of(
        "TOPIC",
        "Volcanoes",
        "#b91c1c",
        "Mountains with a temper.",
        "lava, geology, eruption",
        "Science, Outdoors",
    ),
    DemoTag.of(
        "TOPIC",
        "Sleep",
        "#312e81",
        "A third of your life, finally explained.",
        "rest, insomnia, dreams",
        "Wellness, Science",
    ),
    DemoTag.of(
        "TOPIC",
        "Personal Finance",
        "#15803d",
        "Where the money went.",
        "saving, budget, pensions",
        "Business",
    ),
    DemoTag.of(
        "TOPIC",
        "Gardening",
        "#4d7c0f",
        "Growing things, including patience.",
        "plants, balcony, soil",
        "Outdoors, Bees",
    ),
    DemoTag.of(
        "TOPIC",
        "Bees",
        "#eab308",
        "Sixty thousand colleagues to a box.",
        "honey, hive, pollinators",
        "Gardening, Outdoors",
    ),
    DemoTag.of(
        "TOPIC",
        "Opera",
        "#7f1d1d",
        "Dying in tune since 1600.",
        "arias, singing, bass",
        "Music, Stage & Screen",
    ),
    DemoTag.of(
        "TOPIC",
        "Birthday Wishes",
        "#ec4899",
        "One more candle, said by someone you admire.",
        "party, greeting, gift",
    ),
    DemoTag.of(
        "TOPIC",
        "Pep Talks",
        "#10b981",
        "For exams, finals and Mondays.",
        "motivation, courage, coach",
        "Sport, Career Advice",
    ),
    DemoTag.of(
        "TOPIC",
        "Career Advice",
        "#0e7490",
        "From people who took the long way round.",
        "jobs, interview, mentor",
        "Business",
    ),
)

TAGS: tuple[DemoTag, ...] = tags_craft.CATEGORIES + tags_craft.SKILLS + SPORTS + TOPICS
