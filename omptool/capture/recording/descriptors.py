"""Open files: each connection is one, and what a process may have by default is less than a plant has machines."""

from __future__ import annotations

from omptool.errors import OmptoolError

OTHERS = 200
"""Open files besides connections: segments, threads, the event loop, whatever libraries keep."""


def make_room(connections: int) -> None:
    """Let this process have as many connections at once.

    Raises:
        OmptoolError: more than this account may have.
    """
    try:
        import resource
    except ImportError:  # no such limit there
        return
    needed = connections + OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise OmptoolError(
            f"{connections:,} servers need {needed:,} open files, and a process may have {hard:,} here",
            f"as root:  prlimit --pid $$ --nofile={needed}:{needed}   then in the same shell again"
            f"\nin a systemd unit:  LimitNOFILE={needed}",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
