"""Asks the operating system for real-time scheduling. Where it refuses, timing depends on how busy the machine is."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

PRIORITY = 10
"""A low real-time priority: audio servers run at 60 and above and have to go first."""

WINDOWS_TIMER_MS = 1
"""On Windows a wait on a socket is otherwise rounded to 15.6 ms."""


@contextlib.contextmanager
def on_time() -> Iterator[bool]:
    """While inside, this thread (and those it starts) is scheduled in real time; gives whether that was granted."""
    if sys.platform == "win32":
        with _fine_timer():
            yield True
    elif hasattr(os, "sched_setscheduler"):
        before = os.sched_getscheduler(0), os.sched_getparam(0)
        granted = _schedule(os.SCHED_RR, os.sched_param(PRIORITY))
        try:
            yield granted
        finally:
            if granted:
                _schedule(*before)
    else:
        yield False


def _schedule(policy: int, parameter: os.sched_param) -> bool:
    try:
        os.sched_setscheduler(0, policy, parameter)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _fine_timer() -> Iterator[None]:
    import ctypes

    timer = ctypes.WinDLL("winmm")  # type: ignore[attr-defined,unused-ignore]
    timer.timeBeginPeriod(WINDOWS_TIMER_MS)
    try:
        yield
    finally:
        timer.timeEndPeriod(WINDOWS_TIMER_MS)
