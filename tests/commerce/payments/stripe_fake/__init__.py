"""A Stripe of the tests' own: a real server with state, that does what Stripe says it does.

It stands on docs.stripe.com: keys of accounts, idempotency keys, payment intents, refunds, disputes, and
webhooks signed as Stripe signs them. It takes no shortcuts with the product, and shares no code with it.
"""

from tests.commerce.payments.stripe_fake.account import Account, Refusal
from tests.commerce.payments.stripe_fake.server import Fault, StripeFake, running

__all__ = ["Account", "Fault", "Refusal", "StripeFake", "running"]
