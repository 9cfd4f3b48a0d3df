"""Tests of the end of a server at a signal."""

from __future__ import annotations

import signal

import pytest

from itsm_app.api import exit_signals

from ..support.flask_run import python

# A signal arrives while Python calls the callback of a weak reference.
SIGNAL_IN_A_CALLBACK = """
import os, signal, sys, time, weakref
from itsm_app.api.exit_signals import exit_process

class Referent: pass

signal.signal(signal.SIGTERM, lambda *_: exit_process(0.01))
referent = Referent()
reference = weakref.ref(referent, lambda _: os.kill(os.getpid(), signal.SIGTERM))
del referent
time.sleep(20)
sys.exit("The process did not end.")
"""


def test_signal_in_a_callback_ends_the_process() -> None:
    result = python("-c", SIGNAL_IN_A_CALLBACK)
    assert result.returncode == 0
    # Python ignored the first exception.
    assert "SystemExit: 0" in result.stderr


def test_sigterm_raises_system_exit() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        exit_signals.exit_at_sigterm()
        with pytest.raises(SystemExit, match="0"):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, before)
