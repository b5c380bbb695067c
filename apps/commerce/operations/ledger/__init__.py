"""The ledger: accounts, postings and holds."""

from apps.commerce.operations.ledger import accounts, holds
from apps.commerce.operations.ledger.posting import (
    Cause,
    HoldSpec,
    Leg,
    Posted,
    Posting,
    ResolutionSpec,
    post,
    post_one,
)
from apps.commerce.operations.ledger.refusals import (
    AlreadyResolved,
    AlreadyReversed,
    BalanceTooLarge,
    InsufficientFunds,
    Irreversible,
    LedgerKeyReused,
    UnbalancedTransaction,
)
from apps.commerce.operations.ledger.reversals import reverse_transaction
from apps.commerce.operations.ledger.rolling import roll_up_accounts

__all__ = [
    "AlreadyResolved",
    "AlreadyReversed",
    "BalanceTooLarge",
    "Cause",
    "HoldSpec",
    "InsufficientFunds",
    "Irreversible",
    "LedgerKeyReused",
    "Leg",
    "Posted",
    "Posting",
    "ResolutionSpec",
    "UnbalancedTransaction",
    "accounts",
    "holds",
    "post",
    "post_one",
    "reverse_transaction",
    "roll_up_accounts",
]
