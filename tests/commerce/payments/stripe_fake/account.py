"""One account of the fake: its objects, and the rules by which they change."""

import copy
import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tests.commerce.payments.stripe_fake import amounts

Object = dict[str, Any]

DECLINED = {"pm_card_chargeDeclined": "generic_decline"}
NEEDS_BUYER = {"pm_card_authenticationRequired"}
OPEN = {"requires_payment_method", "requires_confirmation", "requires_action", "processing"}
_numbers = itertools.count(1)


class Refusal(Exception):
    """An error as Stripe answers it."""

    def __init__(self, status: int, kind: str, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "code": code, "message": message, **more}}


def invalid(code: str, message: str) -> Refusal:
    return Refusal(400, "invalid_request_error", code, message)


@dataclass
class Account:
    """A Stripe account. What its owner does in the dashboard, and buyers in their browsers, are methods."""

    secret_key: str
    webhook_secret: str
    objects: dict[str, Object] = field(default_factory=dict)
    events: list[Object] = field(default_factory=list)
    # What was answered under an idempotency key: its parameters' text, status and body.
    answered: dict[str, tuple[str, int, Object]] = field(default_factory=dict)
    methods: dict[str, set[str]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def all(self, kind: str) -> list[Object]:
        return [each for each in self.objects.values() if each["object"] == kind]

    def get(self, id_: str, kind: str) -> Object:
        found = self.objects.get(id_)
        if found is None or found["object"] != kind:
            raise Refusal(
                404, "invalid_request_error", "resource_missing", f"No such {kind}: '{id_}'"
            )
        return found

    def taken(self) -> int:
        """What the account has really got: paid, less given back."""
        return sum(each["amount_received"] for each in self.all("payment_intent")) - sum(
            each["amount"] for each in self.all("refund") if each["status"] == "succeeded"
        )

    # What the API does -----------------------------------------------------------------------------

    def create_customer(self, params: Object) -> Object:
        return self._add("customer", "cus", metadata=params.get("metadata", {}))

    def create_intent(self, params: Object) -> Object:
        amount, currency = amounts.checked(params)
        if "customer" in params:
            self.get(params["customer"], "customer")
        intent = self._add(
            "payment_intent",
            "pi",
            amount=amount,
            amount_received=0,
            currency=currency,
            customer=params.get("customer"),
            metadata=params.get("metadata", {}),
            setup_future_usage=params.get("setup_future_usage"),
            payment_method=params.get("payment_method"),
            last_payment_error=None,
            next_action=None,
            latest_charge=None,
            status="requires_payment_method",
        )
        intent["client_secret"] = f"{intent['id']}_secret_{next(_numbers)}"
        self._tell("payment_intent.created", intent)
        if params.get("confirm") == "true":
            if params.get("off_session") == "true":
                attached = self.methods.get(params.get("customer", ""), set())
                if params.get("payment_method") not in attached:
                    raise invalid("payment_method_unattached", "The method is not the customer's.")
            self.confirm(intent["id"], params["payment_method"])
            error = intent["last_payment_error"]
            if error:
                raise Refusal(
                    402,
                    "card_error",
                    error["code"],
                    "Your card was declined.",
                    decline_code=error.get("decline_code"),
                    payment_intent=copy.deepcopy(intent),
                )
        return intent

    def cancel_intent(self, id_: str) -> Object:
        intent = self.get(id_, "payment_intent")
        if intent["status"] not in OPEN - {"processing"}:
            raise invalid("payment_intent_unexpected_state", f"It is {intent['status']}.")
        intent["status"] = "canceled"
        self._tell("payment_intent.canceled", intent)
        return intent

    def create_refund(self, params: Object) -> Object:
        intent = self.get(params["payment_intent"], "payment_intent")
        if intent["status"] != "succeeded":
            raise invalid("payment_intent_unexpected_state", "There is nothing to refund.")
        if any(
            each["payment_intent"] == intent["id"] and each["status"] == "needs_response"
            for each in self.all("dispute")
        ):
            raise invalid("charge_disputed", "The charge is disputed.")
        given = sum(
            each["amount"]
            for each in self.all("refund")
            if each["payment_intent"] == intent["id"] and each["status"] != "failed"
        )
        amount = int(params.get("amount", intent["amount"] - given))
        if amount <= 0 or amount > intent["amount"] - given:
            raise invalid("charge_already_refunded", "Less than that is left of the charge.")
        refund = self._add(
            "refund",
            "re",
            amount=amount,
            currency=intent["currency"],
            payment_intent=intent["id"],
            charge=intent["latest_charge"],
            reason=params.get("reason"),
            metadata=params.get("metadata", {}),
            status="succeeded",
        )
        self._tell("charge.refunded", self.objects[intent["latest_charge"]])
        self._tell("refund.created", refund)
        return refund

    # What buyers do --------------------------------------------------------------------------------

    def confirm(self, id_: str, method: str = "pm_card_visa") -> Object:
        """Pay with a method; a declined one leaves the intent open."""
        with self.lock:
            intent = self.get(id_, "payment_intent")
            if intent["status"] not in OPEN:
                raise invalid("payment_intent_unexpected_state", f"It is {intent['status']}.")
            intent["payment_method"] = method
            if method in DECLINED or method in NEEDS_BUYER:
                code = "card_declined" if method in DECLINED else "authentication_required"
                intent["last_payment_error"] = {"code": code, "decline_code": DECLINED.get(method)}
                intent["status"] = "requires_payment_method"
                self._tell("payment_intent.payment_failed", intent)
                return intent
            return self._succeed(intent)

    def process(self, id_: str) -> Object:
        """Pay with something that takes days."""
        with self.lock:
            intent = self.get(id_, "payment_intent")
            intent["status"] = "processing"
            self._tell("payment_intent.processing", intent)
            return intent

    # What the owner and banks do -------------------------------------------------------------------

    def refund(self, id_: str, amount: int, **params: Any) -> Object:
        """Refund in the dashboard."""
        with self.lock:
            return self.create_refund({"payment_intent": id_, "amount": amount, **params})

    def fail_refund(self, id_: str) -> Object:
        """Have the bank refuse a refund, days after."""
        with self.lock:
            refund = self.get(id_, "refund")
            refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
            self._tell("refund.updated", refund)
            self._tell("refund.failed", refund)
            return refund

    def dispute(self, id_: str) -> Object:
        """Have the buyer's bank dispute a payment."""
        with self.lock:
            intent = self.get(id_, "payment_intent")
            dispute = self._add(
                "dispute",
                "dp",
                amount=intent["amount"],
                currency=intent["currency"],
                payment_intent=id_,
                charge=intent["latest_charge"],
                status="needs_response",
            )
            self._tell("charge.dispute.created", dispute)
            return dispute

    def close_dispute(self, id_: str, *, is_won: bool) -> Object:
        """Have the bank decide."""
        with self.lock:
            dispute = self.get(id_, "dispute")
            dispute["status"] = "won" if is_won else "lost"
            self._tell("charge.dispute.closed", dispute)
            return dispute

    # ------------------------------------------------------------------------------------------------

    def _succeed(self, intent: Object) -> Object:
        charge = self._add(
            "charge",
            "ch",
            amount=intent["amount"],
            currency=intent["currency"],
            payment_intent=intent["id"],
            status="succeeded",
        )
        intent |= {
            "status": "succeeded",
            "amount_received": intent["amount"],
            "last_payment_error": None,
            "latest_charge": charge["id"],
        }
        if intent["customer"] and intent["setup_future_usage"]:
            self.methods.setdefault(intent["customer"], set()).add(intent["payment_method"])
        self._tell("payment_intent.succeeded", intent)
        self._tell("charge.succeeded", charge)
        return intent

    def _add(self, kind: str, prefix: str, **values: Any) -> Object:
        id_ = f"{prefix}_{next(_numbers):08d}"
        self.objects[id_] = {"id": id_, "object": kind, "created": int(time.time()), **values}
        return self.objects[id_]

    def _tell(self, kind: str, about: Object) -> None:
        self.events.append(
            {
                "id": f"evt_{next(_numbers):08d}",
                "object": "event",
                "type": kind,
                "created": int(time.time()),
                "livemode": False,
                # As it was then: whoever trusts it is wrong later.
                "data": {"object": copy.deepcopy(about)},
            }
        )
