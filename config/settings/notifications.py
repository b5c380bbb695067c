"""Notifications: who carries emails, text messages and pushes, and what they must prove."""

from typing import Any

from environs import validate

from config.settings.base import VAR, env

_CARRIERS = ["console", "file"]

# Emails: EMAIL_BACKEND, in jobs.py, may be any of Django's or of django-anymail's.
EMAIL_FILE_PATH = env.str("EMAIL_FILE_PATH", str(VAR / "emails"))
# The provider's own settings, as django-anymail names them: {"MAILGUN_API_KEY": "…"}.
ANYMAIL: dict[str, Any] = dict(env.json("ANYMAIL", {}))
# `user:password` that a provider's reports of bounces and complaints carry; unset, there is no address
# for them.
EMAIL_REPORTS_SECRET = env.str("EMAIL_REPORTS_SECRET", "")
ANYMAIL.setdefault("WEBHOOK_SECRET", EMAIL_REPORTS_SECRET)

SMS_CARRIER = env.str("SMS_CARRIER", "console", validate=validate.OneOf([*_CARRIERS, "twilio"]))
TWILIO_ACCOUNT = env.str("TWILIO_ACCOUNT", "")
TWILIO_TOKEN = env.str("TWILIO_TOKEN", "")
# A number in E.164, or the id of a messaging service.
TWILIO_SENDER = env.str("TWILIO_SENDER", "")
TWILIO_URL = env.str("TWILIO_URL", "https://api.twilio.com").rstrip("/")
# Where Twilio reports to, as it sees this deployment: https://<host>/reports/twilio; unset, it does not.
TWILIO_REPORTS_URL = env.str("TWILIO_REPORTS_URL", "")

PUSH_CARRIER = env.str("PUSH_CARRIER", "console", validate=validate.OneOf([*_CARRIERS, "webpush"]))
# The P-256 key that pushes are signed with: its 32 bytes in URL-safe base64. Unset, it comes of the
# secret key. Browsers that subscribed under another one must subscribe again.
VAPID_KEY = env.str("VAPID_KEY", "")
# Whom a push service writes to if something is wrong: mailto:… or https://…
VAPID_CONTACT = env.str("VAPID_CONTACT", "mailto:no-reply@quintet.localhost")

# What the carrier "file" writes, a line of JSON for each message.
CARRIED_FILE = env.str("CARRIED_FILE", str(VAR / "carried.jsonl"))

# Where a link out of an email leads to.
UNSUBSCRIBE_URL = env.str("UNSUBSCRIBE_URL", "https://{domain}/unsubscribe/{token}")
