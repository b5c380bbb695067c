"""What the embedded servers raise."""


class EmbeddedServerError(Exception):
    """An embedded server did not start or stop; the message says why and what to do."""
