"""The system's wording in English."""

TEXTS = {
    "new_follower": {
        "EMAIL": (
            "{{ follower_name }} follows you",
            "{{ follower_name }} follows you now on {{ tenant_name }}.",
        ),
        "SMS": (
            "",
            "{{ follower_name }} follows you on {{ tenant_name }}.",
        ),
        "PUSH": (
            "{{ follower_name }} follows you",
            "{{ follower_name }} follows you now on {{ tenant_name }}.",
        ),
        "IN_APP": (
            "{{ follower_name }} follows you",
            "{{ follower_name }} follows you now on {{ tenant_name }}.",
        ),
    },
    "new_comment": {
        "EMAIL": (
            "{{ author_name }} commented",
            "{{ author_name }} commented on what is yours on {{ tenant_name }}.",
        ),
        "SMS": (
            "",
            "{{ author_name }} commented on {{ tenant_name }}.",
        ),
        "PUSH": (
            "{{ author_name }} commented",
            "{{ author_name }} commented on what is yours on {{ tenant_name }}.",
        ),
        "IN_APP": (
            "{{ author_name }} commented",
            "{{ author_name }} commented on what is yours on {{ tenant_name }}.",
        ),
    },
    "new_like": {
        "EMAIL": (
            "{{ liker_name }} likes it",
            "{{ liker_name }} likes what is yours on {{ tenant_name }}.",
        ),
        "SMS": (
            "",
            "{{ liker_name }} likes what is yours on {{ tenant_name }}.",
        ),
        "PUSH": (
            "{{ liker_name }} likes it",
            "{{ liker_name }} likes what is yours on {{ tenant_name }}.",
        ),
        "IN_APP": (
            "{{ liker_name }} likes it",
            "{{ liker_name }} likes what is yours on {{ tenant_name }}.",
        ),
    },
    "purchase_completed": {
        "EMAIL": (
            "Thank you for your purchase",
            "You have paid {{ amount }} on {{ tenant_name }}.",
        ),
        "PUSH": (
            "Thank you for your purchase",
            "You have paid {{ amount }} on {{ tenant_name }}.",
        ),
        "IN_APP": (
            "Thank you for your purchase",
            "You have paid {{ amount }} on {{ tenant_name }}.",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: you have paid {{ amount }}.",
        ),
    },
    "purchase_refunded": {
        "EMAIL": (
            "{{ amount }} was refunded",
            "{{ amount }} of what you paid on {{ tenant_name }} was given back to you.",
        ),
        "PUSH": (
            "{{ amount }} was refunded",
            "{{ amount }} of what you paid on {{ tenant_name }} was given back to you.",
        ),
        "IN_APP": (
            "{{ amount }} was refunded",
            "{{ amount }} of what you paid on {{ tenant_name }} was given back to you.",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: {{ amount }} was refunded.",
        ),
    },
    "subscription_past_due": {
        "EMAIL": (
            "{{ plan_name }} could not be renewed",
            "The payment for {{ plan_name }} on {{ tenant_name }} has failed. It is tried again; look at how you pay.",
        ),
        "PUSH": (
            "{{ plan_name }} could not be renewed",
            "The payment for {{ plan_name }} on {{ tenant_name }} has failed. It is tried again; look at how you pay.",
        ),
        "IN_APP": (
            "{{ plan_name }} could not be renewed",
            "The payment for {{ plan_name }} on {{ tenant_name }} has failed. It is tried again; look at how you pay.",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: the payment for {{ plan_name }} has failed.",
        ),
    },
    "subscription_recovered": {
        "EMAIL": (
            "{{ plan_name }} goes on",
            "The payment for {{ plan_name }} on {{ tenant_name }} has succeeded after all.",
        ),
        "PUSH": (
            "{{ plan_name }} goes on",
            "The payment for {{ plan_name }} on {{ tenant_name }} has succeeded after all.",
        ),
        "IN_APP": (
            "{{ plan_name }} goes on",
            "The payment for {{ plan_name }} on {{ tenant_name }} has succeeded after all.",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: {{ plan_name }} goes on.",
        ),
    },
    "subscription_cancelled": {
        "EMAIL": (
            "{{ plan_name }} was cancelled",
            "Your subscription of {{ plan_name }} on {{ tenant_name }} was cancelled.",
        ),
        "PUSH": (
            "{{ plan_name }} was cancelled",
            "Your subscription of {{ plan_name }} on {{ tenant_name }} was cancelled.",
        ),
        "IN_APP": (
            "{{ plan_name }} was cancelled",
            "Your subscription of {{ plan_name }} on {{ tenant_name }} was cancelled.",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: {{ plan_name }} was cancelled.",
        ),
    },
    "subscription_expired": {
        "EMAIL": (
            "{{ plan_name }} has ended",
            "Your subscription of {{ plan_name }} on {{ tenant_name }} has ended.",
        ),
        "PUSH": (
            "{{ plan_name }} has ended",
            "Your subscription of {{ plan_name }} on {{ tenant_name }} has ended.",
        ),
        "IN_APP": (
            "{{ plan_name }} has ended",
            "Your subscription of {{ plan_name }} on {{ tenant_name }} has ended.",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: {{ plan_name }} has ended.",
        ),
    },
    "digest": {
        "EMAIL": (
            "{{ count }} {% if count == 1 %}thing{% else %}things{% endif %} happened on {{ tenant_name }}",
            "What happened since you last heard of it:\n\n{{ items }}",
        ),
        "SMS": (
            "",
            "{{ tenant_name }}: {{ count }} new.",
        ),
        "PUSH": (
            "{{ count }} {% if count == 1 %}thing{% else %}things{% endif %} happened on {{ tenant_name }}",
            "{{ tenant_name }}: {{ count }} new.",
        ),
        "IN_APP": (
            "{{ count }} {% if count == 1 %}thing{% else %}things{% endif %} happened on {{ tenant_name }}",
            "{{ tenant_name }}: {{ count }} new.",
        ),
    },
    "contact_added": {
        "EMAIL": (
            "A telephone number was added",
            "A telephone number that ends in {{ address_end }} was added to your account on {{ tenant_name }}.",
        ),
        "PUSH": (
            "A telephone number was added",
            "A telephone number that ends in {{ address_end }} was added to your account on {{ tenant_name }}.",
        ),
        "IN_APP": (
            "A telephone number was added",
            "A telephone number that ends in {{ address_end }} was added to your account on {{ tenant_name }}.",
        ),
        "SMS": (
            "",
            "A telephone number that ends in {{ address_end }} was added to your account on {{ tenant_name }}.",
        ),
    },
    "contact_code": {
        "SMS": (
            "",
            "{{ code }} is your code for {{ tenant_name }}. It is valid for {{ minutes }} minutes.",
        ),
    },
}
