"""Kicks: telling a worker that messages wait, without making anybody wait for the broker."""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from kombu.connection import Connection

from apps.tenancy import binding
from config.celery import app

logger = logging.getLogger(__name__)

# A request has committed and waits for this: a broker that does not answer must not hold it.
TIMEOUT_SECONDS = 0.3
# After a failure this process leaves the broker alone for so long; the sweep finds what waits.
REST_SECONDS = 5.0
# A kick that nobody took for so long has been overtaken by a sweep.
EXPIRES_SECONDS = 60

_of_thread = threading.local()
_rest_until = [0.0]


def kick(*, tenant: binding.Placed, context: str) -> None:
    """Have a worker relay a tenant's messages now. Never fails: what nobody is told of, the sweep finds."""
    _try(lambda: _publish(tenant=tenant, context=context))


def kick_task(name: str, *, tenant: binding.Placed) -> None:
    """Have a worker run a task of a tenant's now, in the same way. The task is known by its name."""
    _try(lambda: _publish_task(name, tenant=tenant))


def _try(publish: Callable[[], None]) -> None:
    if monotonic() < _rest_until[0]:
        return
    try:
        publish()
    except Exception as error:  # noqa: BLE001 - brokers differ in their errors, and none may reach a request
        _rest_until[0] = monotonic() + REST_SECONDS
        _forget_connection()
        logger.warning("the broker can't be told that messages wait; the sweep will be: %s", error)


def _publish(*, tenant: binding.Placed, context: str) -> None:
    from apps.tenancy.tasks import HEADER, relay_messages

    relay_messages.apply_async(
        kwargs={"context": context},
        headers={HEADER: str(tenant.id)},
        connection=_connection(),
        retry=False,
        expires=EXPIRES_SECONDS,
    )


def _publish_task(name: str, *, tenant: binding.Placed) -> None:
    from apps.tenancy.tasks import HEADER

    app.send_task(
        name,
        headers={HEADER: str(tenant.id)},
        connection=_connection(),
        retry=False,
        expires=EXPIRES_SECONDS,
    )


def _connection() -> Connection:
    """Return this thread's own connection, with short timeouts; made anew in a forked process."""
    address = (os.getpid(), app.conf.broker_write_url)
    if getattr(_of_thread, "address", None) != address:
        _of_thread.connection = app.connection_for_write(
            connect_timeout=TIMEOUT_SECONDS, transport_options=_transport_options()
        )
        _of_thread.address = address
    return _of_thread.connection


def _transport_options() -> dict[str, Any]:
    """Return short timeouts in the words of each transport, and no second attempt."""
    return {
        **app.conf.broker_transport_options,
        "max_retries": 0,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "socket_timeout": TIMEOUT_SECONDS,
        "retry_on_timeout": False,
        "read_timeout": TIMEOUT_SECONDS,
        "write_timeout": TIMEOUT_SECONDS,
    }


def _forget_connection() -> None:
    connection = getattr(_of_thread, "connection", None)
    _of_thread.address = None
    _of_thread.connection = None
    if connection is not None:
        # What is broken can't be closed in an orderly way.
        with suppress(Exception):
            connection.release()
