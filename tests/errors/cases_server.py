"""Bad input of the commands that talk to a server: discover, browse, read."""

from __future__ import annotations

from tests.errors.case import Case

DISCOVER = (
    Case("no SERVER", "discover", 2),
    Case("an unknown option", "discover opc.tcp://press7:4840 --timout 5", 2),
    Case("a port on which nothing listens", "discover opc.tcp://closed:4840", 4),
    Case("a server that does not answer", "discover opc.tcp://silent:4840 --timeout 0.3", 4),
)

READ = (Case("no node of this path", "read opc.tcp://press7:4840 Riverside/Forming/LineA/Press1/Powr", 1),)

SECTIONS = {"discover": DISCOVER, "read": READ}
