"""Processes that the tests kill, forked off one that has loaded the application and done nothing else.

Each is a process of its own, with connections of its own, as one that is started by a command; but it is
at work at once, where a command first loads the application for some seconds.
"""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.process import BaseProcess

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.tenancy.loaded"])


def start(target: Callable[..., object], *arguments: object) -> BaseProcess:
    """Have a process do something; it leads a session, and what it says goes nowhere."""
    process = _context.Process(target=_run, args=(target, *arguments))
    process.start()
    return process


def _run(target: Callable[..., object], *arguments: object) -> None:
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    target(*arguments)
