"""A Celery worker that does one thing at a time, as a function to be run in a process of its own."""

from collections.abc import Callable


def work(broker: str, queue: str, prepare: Callable[[], object]) -> None:
    """Work what is in a queue of a broker until it is ended."""
    from tests.tenancy import loaded

    prepare()
    conf = loaded.app.conf
    conf.broker_url = conf.broker_read_url = conf.broker_write_url = broker
    loaded.app.worker_main(
        ["--quiet", "worker", "--pool", "solo", "--loglevel", "WARNING", "--queues", queue,
         "--without-mingle", "--without-gossip", "--without-heartbeat"]
    )  # fmt: skip
