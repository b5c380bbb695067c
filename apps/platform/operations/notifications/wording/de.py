"""The system's wording in German."""

TEXTS = {
    "new_follower": {
        "EMAIL": (
            "{{ follower_name }} folgt dir",
            "{{ follower_name }} folgt dir jetzt auf {{ tenant_name }}.",
        ),
        "SMS": (
            "",
            "{{ follower_name }} folgt dir auf {{ tenant_name }}.",
        ),
        "PUSH": (
            "{{ follower_name }} folgt dir",
            "{{ follower_name }} folgt dir jetzt auf {{ tenant_name }}.",
        ),
        "IN_APP": (
            "{{ follower_name }} folgt dir",
            "{{ follower_name }} folgt dir jetzt auf {{ tenant_name }}.",
        ),
    },
    "new_comment": {
        "EMAIL": (
            "{{ author_name }} hat kommentiert",
            "{{ author_name }} hat auf {{ tenant_name }} etwas von dir kommentiert.",
        ),
        "SMS": (
            "",
            "{{ author_name }} hat auf {{ tenant_name }} kommentiert.",
        ),
        "PUSH": (
            "{{ author_name }} hat kommentiert",
            "{{ author_name }} hat auf {{ tenant_name }} etwas von dir kommentiert.",
        ),
        "IN_APP": (
            "{{ author_name }} hat kommentiert",
            "{{ author_name }} hat auf {{ tenant_name }} etwas von dir kommentiert.",
        ),
    },
    "new_like": {
        "EMAIL": (
            "{{ liker_name }} gefällt es",
            "{{ liker_name }} gefällt etwas von dir auf {{ tenant_name }}.",
        ),
        "SMS": (
            "",
            "{{ liker_name }} gefällt etwas von dir auf {{ tenant_name }}.",
        ),
        "PUSH": (
            "{{ liker_name }} gefällt es",
            "{{ liker_name }} gefällt etwas von dir auf {{ tenant_name }}.",
        ),
        "IN_APP": (
            "{{ liker_name }} gefällt es",
            "{{ liker_name }} gefällt etwas von dir auf {{ tenant_name }}.",
        ),
    },
    "purchase_completed": {
        "EMAIL": (
            "Danke für deinen Einkauf",
            "Du hast auf {{ tenant_name }} {{ amount }} bezahlt.",
        ),
        "PUSH": (
            "Danke für deinen Einkauf",
            "Du hast auf {{ tenant_name }} {{ amount }} bezahlt.",
        ),
        "IN_APP": (
            "Danke für deinen Einkauf",
            "Du hast auf {{ tenant_name }} {{ amount }} bezahlt.",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: Du hast {{ amount }} bezahlt.",
        ),
    },
    "purchase_refunded": {
        "EMAIL": (
            "{{ amount }} wurden erstattet",
            "Von dem, was du auf {{ tenant_name }} bezahlt hast, wurden dir {{ amount }} erstattet.",
        ),
        "PUSH": (
            "{{ amount }} wurden erstattet",
            "Von dem, was du auf {{ tenant_name }} bezahlt hast, wurden dir {{ amount }} erstattet.",
        ),
        "IN_APP": (
            "{{ amount }} wurden erstattet",
            "Von dem, was du auf {{ tenant_name }} bezahlt hast, wurden dir {{ amount }} erstattet.",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: {{ amount }} wurden erstattet.",
        ),
    },
    "subscription_past_due": {
        "EMAIL": (
            "{{ plan_name }} konnte nicht verlängert werden",
            "Die Zahlung für {{ plan_name }} auf {{ tenant_name }} ist fehlgeschlagen und wird wiederholt.",
        ),
        "PUSH": (
            "{{ plan_name }} konnte nicht verlängert werden",
            "Die Zahlung für {{ plan_name }} auf {{ tenant_name }} ist fehlgeschlagen und wird wiederholt.",
        ),
        "IN_APP": (
            "{{ plan_name }} konnte nicht verlängert werden",
            "Die Zahlung für {{ plan_name }} auf {{ tenant_name }} ist fehlgeschlagen und wird wiederholt.",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: Die Zahlung für {{ plan_name }} ist fehlgeschlagen.",
        ),
    },
    "subscription_recovered": {
        "EMAIL": (
            "{{ plan_name }} läuft weiter",
            "Die Zahlung für {{ plan_name }} auf {{ tenant_name }} ist doch noch gelungen.",
        ),
        "PUSH": (
            "{{ plan_name }} läuft weiter",
            "Die Zahlung für {{ plan_name }} auf {{ tenant_name }} ist doch noch gelungen.",
        ),
        "IN_APP": (
            "{{ plan_name }} läuft weiter",
            "Die Zahlung für {{ plan_name }} auf {{ tenant_name }} ist doch noch gelungen.",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: {{ plan_name }} läuft weiter.",
        ),
    },
    "subscription_cancelled": {
        "EMAIL": (
            "{{ plan_name }} wurde gekündigt",
            "Dein Abonnement von {{ plan_name }} auf {{ tenant_name }} wurde gekündigt.",
        ),
        "PUSH": (
            "{{ plan_name }} wurde gekündigt",
            "Dein Abonnement von {{ plan_name }} auf {{ tenant_name }} wurde gekündigt.",
        ),
        "IN_APP": (
            "{{ plan_name }} wurde gekündigt",
            "Dein Abonnement von {{ plan_name }} auf {{ tenant_name }} wurde gekündigt.",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: {{ plan_name }} wurde gekündigt.",
        ),
    },
    "subscription_expired": {
        "EMAIL": (
            "{{ plan_name }} ist zu Ende",
            "Dein Abonnement von {{ plan_name }} auf {{ tenant_name }} ist zu Ende.",
        ),
        "PUSH": (
            "{{ plan_name }} ist zu Ende",
            "Dein Abonnement von {{ plan_name }} auf {{ tenant_name }} ist zu Ende.",
        ),
        "IN_APP": (
            "{{ plan_name }} ist zu Ende",
            "Dein Abonnement von {{ plan_name }} auf {{ tenant_name }} ist zu Ende.",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: {{ plan_name }} ist zu Ende.",
        ),
    },
    "digest": {
        "EMAIL": (
            "{{ count }} {% if count == 1 %}Neuigkeit{% else %}Neuigkeiten{% endif %} auf {{ tenant_name }}",
            "Das ist seit dem letzten Mal geschehen:\n\n{{ items }}",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: {{ count }} neu.",
        ),
        "PUSH": (
            "{{ count }} {% if count == 1 %}Neuigkeit{% else %}Neuigkeiten{% endif %} auf {{ tenant_name }}",
            "{{ tenant_name }}: {{ count }} neu.",
        ),
        "IN_APP": (
            "{{ count }} {% if count == 1 %}Neuigkeit{% else %}Neuigkeiten{% endif %} auf {{ tenant_name }}",
            "{{ tenant_name }}: {{ count }} neu.",
        ),
    },
    "contact_added": {
        "EMAIL": (
            "Eine Telefonnummer ist hinzugekommen",
            "Zu deinem Konto auf {{ tenant_name }} gehört jetzt die Telefonnummer mit dem Ende {{ address_end }}.",
        ),
        "PUSH": (
            "Eine Telefonnummer ist hinzugekommen",
            "Zu deinem Konto auf {{ tenant_name }} gehört jetzt die Telefonnummer mit dem Ende {{ address_end }}.",
        ),
        "IN_APP": (
            "Eine Telefonnummer ist hinzugekommen",
            "Zu deinem Konto auf {{ tenant_name }} gehört jetzt die Telefonnummer mit dem Ende {{ address_end }}.",
        ),
        "SMS": (
            "",
            "Zu deinem Konto auf {{ tenant_name }} gehört jetzt die Telefonnummer mit dem Ende {{ address_end }}.",
        ),
    },
    "contact_code": {
        "SMS": (
            "",
            "{{ code }} ist dein Code für {{ tenant_name }}. Er gilt {{ minutes }} Minuten.",
        ),
    },
}
