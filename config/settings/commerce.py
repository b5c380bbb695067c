"""Commerce: how long things wait, and how providers are reached."""

from datetime import timedelta

from config.settings.base import DEBUG, env

# How long stock and money stay set aside for a purchase that waits for its payment. Stripe's own checkout
# waits 30 minutes at least; people give up sooner.
PURCHASE_EXPIRES_AFTER = timedelta(minutes=env.int("PURCHASE_MINUTES", 30))
# How long a wallet's money stays set aside for what is paid for on delivery.
PURCHASE_HOLD_EXPIRES_AFTER = timedelta(days=env.int("PURCHASE_HOLD_DAYS", 7))
# How long a cart that nobody has signed in for is kept after it was last changed.
CART_EXPIRES_AFTER = timedelta(days=env.int("CART_DAYS", 30))
# AES-256 keys in base64, for what is personal in purchases: the first seals, all of them unseal. Unset,
# they are derived from the secret key and its fallbacks.
PERSONAL_DATA_KEYS: list[str] = env.list("PERSONAL_DATA_KEYS", [])

# The local provider takes money that nobody has paid: for development and demonstrations.
LOCAL_PAYMENTS = env.bool("LOCAL_PAYMENTS", DEBUG)
STRIPE_API_BASE = env.str("STRIPE_API_BASE", "https://api.stripe.com")
# Somebody waits for the answer while a provider is asked.
PAYMENT_TIMEOUT_SECONDS = env.float("PAYMENT_TIMEOUT_SECONDS", 10.0)
# How long a payment that its buyer doesn't finish is kept open, where no purchase says when it ends.
PAYMENT_ABANDONED_AFTER = timedelta(hours=env.int("PAYMENT_HOURS", 24))
