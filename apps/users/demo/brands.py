"""The three demo tenants, and which part of the content each draws.

Some people work with two of them. They are different rows with different follows, which makes a
mix-up between tenants easy to see.
"""

from apps.users.demo.shapes import DemoBrand, DemoReferralCode

LIMELIGHT = DemoBrand(
    slug="demo",
    name="Limelight",
    tagline="A minute with someone you admire.",
    story="Limelight began when a theatre closed for repairs and its actors recorded birthday "
    "greetings to pay the heating bill. The theatre is warm again; the greetings never stopped. "
    "Today musicians, athletes, comedians and scientists answer their fans here, one by one.",
    primary_color="#7c3aed",
    currency="USD",
    has_own_home=False,
    seed=1914,
    fan_count=420,
    profiles=(
        "marisol-quintero",
        "dj-glasshouse",
        "saoirse-bellweather",
        "tobias-halvorsrud",
        "anjali-raghunathan",
        "kofi-boateng-lund",
        "yuki-hoshizaki",
        "delphine-carrouge",
        "barty-finch",
        "luz-renteria",
        "oskar-weissflog",
        "imani-oduya-clarke",
        "ravi-moonesamy",
        "coco-vanderspark",
        "nneka-abiodun-hart",
        "ingrid-solvang",
        "tane-wharerahi",
        "dez-okafor-pryce",
        "lamar-eastwick",
        "leilani-kealoha-ito",
        "arash-behrouzi",
        "sipho-ndlangisa",
        "halima-yusufzai",
        "gaspard-oulette",
        "edwina-thackeray-moss",
        "bjarki-steinarsson",
        "noor-el-tayeb",
        "graciela-monteverdi",
        "jun-seo-baek",
        "petra-vondrackova",
        "kwabena-darko-lyle",
        "fiona-macaskill-ray",
        "tomasz-wieczorkiewicz",
    ),
    groups=(
        "meridian-sports-union",
        "meridian-basketball-league",
        "harbour-city-herons",
        "northgate-lanterns",
        "tidewater-athletics-club",
        "paper-lighthouse-records",
        "the-velvet-umbrellas",
        "night-ferry",
        "second-breakfast-company",
        "field-notes-faculty",
        "night-sky-desk",
        "thursday-night-philharmonic",
    ),
    categories=(
        "Music",
        "Comedy",
        "Stage & Screen",
        "Sport",
        "Food & Drink",
        "Science",
        "Business",
        "Games",
        "History & Ideas",
        "Outdoors",
    ),
    referrals=(
        DemoReferralCode(
            code="HEATINGBILL",
            owner="saoirse-bellweather",
            note="Printed on the tickets of the reopening night.",
            max_uses=500,
        ),
        DemoReferralCode(
            code="HERONS24",
            owner="dez-okafor-pryce",
            note="Shouted at half-time, in one season.",
            max_uses=None,
        ),
    ),
)

ENCORE = DemoBrand(
    slug="rival",
    name="Encore Club",
    tagline="One more, for you only.",
    story="Encore Club is a members' club without a building. It books athletes and a few night "
    "owls for short calls after the match or the show, when the make-up is off and the stories "
    "are better. It has watched Limelight closely, and would never say so.",
    primary_color="#b91c1c",
    currency="USD",
    has_own_home=False,
    seed=2207,
    fan_count=240,
    profiles=(
        "mateus-caldeira",
        "zeynep-karadeniz",
        "chiara-bonfanti",
        "hamish-dunnet",
        "wren-castellane",
        "mei-ling-auyeung",
        "nneka-abiodun-hart",
        "tane-wharerahi",
        "dez-okafor-pryce",
        "lamar-eastwick",
        "leilani-kealoha-ito",
        "dj-glasshouse",
        "coco-vanderspark",
        "tobias-halvorsrud",
        "graciela-monteverdi",
    ),
    groups=(
        "meridian-sports-union",
        "meridian-basketball-league",
        "harbour-city-herons",
        "northgate-lanterns",
        "second-breakfast-company",
    ),
    categories=("Sport", "Music", "Comedy", "Outdoors", "Food & Drink"),
    referrals=(
        DemoReferralCode(
            code="STAGEDOOR",
            owner="coco-vanderspark",
            note="For those who waited in the rain.",
            max_uses=100,
        ),
    ),
)

SOLSTICE = DemoBrand(
    slug="solo",
    name="Solstice Studio",
    tagline="Make something. Breathe out.",
    story="Solstice Studio teaches pottery, weaving, ink and breath in an old sail loft. Its "
    "students stay for years and write letters home about the glaze. It keeps their data in a "
    "home of its own, because it promised them that in the first newsletter.",
    primary_color="#0d9488",
    currency="EUR",
    has_own_home=True,
    seed=621,
    fan_count=160,
    profiles=(
        "aroha-te-paki",
        "linnea-sjogard",
        "samir-haddad-boyle",
        "esperanza-uc-canul",
        "theo-papanikolaou",
        "mirembe-nakato",
        "tomasz-wieczorkiewicz",
        "petra-vondrackova",
        "imani-oduya-clarke",
    ),
    groups=("solstice-faculty", "clay-and-thread", "breath-and-movement"),
    categories=("Wellness", "Arts & Crafts", "Stage & Screen", "Outdoors"),
    referrals=(
        DemoReferralCode(
            code="FIRSTFIRING",
            owner="linnea-sjogard",
            note="On a paper tag, tied to the first cup of every beginner.",
            max_uses=60,
        ),
    ),
)

BRANDS: tuple[DemoBrand, ...] = (LIMELIGHT, ENCORE, SOLSTICE)
