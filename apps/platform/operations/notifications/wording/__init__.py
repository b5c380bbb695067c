"""The system's own wording, by template: which variables there are, and the texts in each language."""

from collections.abc import Mapping
from dataclasses import dataclass

from apps.platform.operations.notifications.wording import de, en

# Every template may use them.
COMMON = {"tenant_name": "Acme"}
DEFAULT_LOCALE = "en"

Texts = Mapping[str, Mapping[str, tuple[str, str]]]
"""Template -> channel -> subject and body."""

_LANGUAGES: Mapping[str, Texts] = {"en": en.TEXTS, "de": de.TEXTS}


@dataclass(frozen=True, slots=True)
class Template:
    """A template: its key, the topic it belongs to, and its variables with a sample value each."""

    key: str
    topic: str
    samples: Mapping[str, str | int]

    @property
    def variables(self) -> Mapping[str, str | int]:
        """All variables that a text may use, with samples."""
        return {**COMMON, **self.samples}


TEMPLATES: Mapping[str, Template] = {
    template.key: template
    for template in (
        Template("new_follower", "new_follower", {"follower_name": "Ada"}),
        Template("new_comment", "new_comment", {"author_name": "Ada"}),
        Template("new_like", "new_like", {"liker_name": "Ada"}),
        Template("purchase_completed", "purchases", {"amount": "12.50 USD"}),
        Template("purchase_refunded", "purchases", {"amount": "12.50 USD"}),
        Template("subscription_past_due", "subscriptions", {"plan_name": "Front Row"}),
        Template("subscription_recovered", "subscriptions", {"plan_name": "Front Row"}),
        Template("subscription_cancelled", "subscriptions", {"plan_name": "Front Row"}),
        Template("subscription_expired", "subscriptions", {"plan_name": "Front Row"}),
        Template("contact_added", "account", {"address_end": "89"}),
        Template("contact_code", "contact_code", {"code": "123456", "minutes": 10}),
        Template(
            "digest", "digest", {"count": 2, "items": "– Ada follows you.\n– Bob follows you."}
        ),
    )
}


def text_of(*, template_key: str, channel: str, locale: str) -> tuple[str, str] | None:
    """Return the system's subject and body in a language, or None where it has none."""
    texts = _LANGUAGES.get(locale, {})
    return texts.get(template_key, {}).get(channel)


def languages_of(locale: str) -> list[str]:
    """Return a locale and what it is a kind of, the narrowest first: de-AT, de."""
    parts = locale.replace("_", "-").split("-")
    return ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]
