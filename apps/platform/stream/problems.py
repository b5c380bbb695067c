"""Why a stream is not opened."""

from apps.kernel.errors import Problem

RETRY_SECONDS = 10


class TooManyStreams(Problem):
    """The person listens to as many streams as one may have."""

    status = 429
    slug = "too-many-streams"
    title = "You have too many streams open."

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"One person may have {limit} streams open. Close one, and share one between the tabs of a "
            "browser.",
            headers={"Retry-After": str(RETRY_SECONDS)},
        )


class StreamsFull(Problem):
    """This server holds as many streams as it can, or is about to stop."""

    status = 503
    slug = "streams-full"
    title = "No more streams can be opened here now."

    def __init__(self) -> None:
        super().__init__(
            "Come back in a few seconds, with the Last-Event-ID you have.",
            headers={"Retry-After": str(RETRY_SECONDS)},
        )
