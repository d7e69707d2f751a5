"""The calls of a service whose threads block, by kind of request."""

import time
from concurrent.futures import ThreadPoolExecutor

from ids import back_path, pause

pool = None


def before(kind, identifier, call):
    """Makes the calls that come before the answer, with `call(path)`."""
    global pool
    first, second = (back_path(identifier, number) for number in (1, 2))
    if kind == "one":
        call(first)
    elif kind == "seq":
        call(first)
        call(second)
    elif kind == "par":
        # Here, not at the top: threads do not survive the fork of a worker.
        pool = pool or ThreadPoolExecutor(16)
        list(pool.map(call, (first, second)))
    elif kind == "wait":
        time.sleep(pause())
        call(first)


def after(kind, identifier, call):
    """Makes the call that comes after the answer."""
    if kind == "later":
        time.sleep(pause())
    if kind in ("after", "later"):
        call(back_path(identifier, 1))
