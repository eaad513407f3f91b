"""Lets Python sleep under libfaketime, which refuses how Python 3.11 and later ask for it."""

import select
import time


def sleep(seconds: float) -> None:
    """Wait, and let the clock say what it likes."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = sleep
