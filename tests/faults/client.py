"""`omptool` as a process of its own that can be killed, starved of disk, or given a clock that somebody sets.

Usage: client.py OPTIONS-AS-JSON ARGUMENT…, with `keep_alive_s`, `lifetime_s` of the subscription, `channel_s` of the
secure channel, and `step`: a file whose number of seconds, as soon as it is there, the wall clock is off by.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from omptool.cli.app import main
from omptool.opcua import channel
from omptool.opcua.subscribing import subscription


def shift_clock(step: Path) -> None:
    """Let the wall clock be what an operator makes of it; the monotonic one goes on."""
    true_ns = time.time_ns

    def shifted_ns() -> int:
        return true_ns() + (int(float(step.read_text()) * 1e9) if step.exists() else 0)

    time.time_ns = shifted_ns
    time.time = lambda: shifted_ns() / 1e9


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    subscription.KEEP_ALIVE_S, subscription.LIFETIME_S = options["keep_alive_s"], options["lifetime_s"]
    channel.LIFETIME_S = options["channel_s"]
    shift_clock(Path(options["step"]))
    sys.argv[1:] = sys.argv[2:]
    main()
