"""What the commerce context does about messages."""

from apps.commerce.contracts import ItemChanged
from apps.commerce.operations import people
from apps.kernel import messages
from apps.tenancy import caching
from apps.users.contracts import PersonErased


def subscribe() -> None:
    """Subscribe the context's handlers, from its `ready()`."""
    messages.subscribe(
        name="commerce.forget_cached",
        context="commerce",
        to=[ItemChanged],
        handle=caching.forget_what_changed,
    )
    messages.subscribe(
        name="commerce.forget_people",
        context="commerce",
        to=[PersonErased],
        handle=people.forget_erased,
    )
