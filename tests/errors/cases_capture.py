"""Bad input of the commands that read a capture: info, verify, recover, cat, replay."""

from __future__ import annotations

from tests.errors.case import Case


def _captures(command: str, behind: str = "", no_capture: int = 1) -> tuple[Case, ...]:
    """What can be wrong with a CAPTURE, whatever is asked of it."""
    return (
        Case("nothing there", f"{command} shfit.omcap{behind}", 1, given=("shift.omcap",)),
        Case("its folder is not there", f"{command} no/such/shift.omcap{behind}", 1),
        Case("an empty folder", f"{command} empty{behind}", 1, files={"empty/": ""}),
        Case("a folder with something else", f"{command} photos{behind}", 1, files={"photos/a.jpg": "x"}),
        Case("a file of rows", f"{command} orders.csv{behind}", no_capture),
        Case("a file of any kind", f"{command} notes{behind}", no_capture, files={"notes": "x"}),
        Case("no segment can be read", f"{command} broken.omcap{behind}", 1),
        Case("a newer format", f"{command} newer.omcap{behind}", 1),
        Case("no permission", f"{command} locked.omcap{behind}", 1, needs="unprivileged"),
    )


INFO = (Case("no CAPTURE", "info", 2), *_captures("info"))
VERIFY = (
    Case("no CAPTURE", "verify", 2),
    *_captures("verify"),
    Case("a lake whose log is damaged", "verify damaged-lake", 1),
    Case("`--against`: not of a lake", "verify shift.omcap --against shift.omcap", 2),
    Case("`--against`: the lake has nothing of it", "verify lake --against gaps.omcap", 1),
    Case("damage", "verify damaged.omcap", 1, out="rows"),
    Case("values are missing, and the cause is known", "verify gaps.omcap", 3, out="rows"),
)
RECOVER = (
    Case("no CAPTURE", "recover", 2),
    *_captures("recover"),
    Case("a lake", "recover lake", 1),
    Case("it is being written", "recover shift.omcap", 5, needs="lock shift.omcap"),
    Case("rows are lost", "recover damaged.omcap", 3, out="rows", leaves=("damaged.omcap",)),
    Case("`--dry-run`: rows are lost", "recover damaged.omcap --dry-run", 3, out="rows"),
)
CAT = (
    Case("no CAPTURE", "cat", 2),
    *_captures("cat"),
    Case("a lake", "cat lake", 1),
    Case("`--view` is none of the five", "cat shift.omcap --view rows", 2),
    Case("`--select` matches nothing", "cat shift.omcap --select '**/Sped'", 1),
    Case("`--start` of nodes", "cat shift.omcap --view nodes --start 2020-01-01", 2),
    Case("`--server`: none of its servers", "cat shift.omcap --server press8", 1),
    Case("`--start` is not before `--end`", "cat shift.omcap --start 2026-01-02 --end 2026-01-01", 2),
    Case("`--limit` is no number", "cat shift.omcap --limit all", 2),
    Case("`--limit` is negative", "cat shift.omcap --limit -1", 2),
    Case("no row in the window", "cat shift.omcap --start 2020-01-01 --end 2020-01-02", 0),
    Case("damage", "cat damaged.omcap", 0, out="rows"),
    Case("the disk is full", "cat shift.omcap -o rows.json", 1, needs="full"),
    Case("`-o`: no permission", "cat shift.omcap -o locked/rows.csv", 1, given=("locked",), needs="unprivileged"),
)
_STDOUT = " --to stdout"
REPLAY = (
    Case("no SOURCE", "replay", 2),
    Case("no `--to`", "replay shift.omcap", 2),
    *_captures("replay", _STDOUT, 2),
    Case("a lake", "replay lake --to stdout", 2),
    Case("`--to` is no target", "replay shift.omcap --to kafka://broker", 2),
    Case("`--to`: no port", "replay shift.omcap --to opc.tcp://127.0.0.1", 2),
    Case("`--to`: a port that cannot be", "replay shift.omcap --to opc.tcp://127.0.0.1:99999", 2),
    Case("`--to`: the port is in use", "replay shift.omcap --to opc.tcp://silent:4840", 5),
    Case("`--to`: an address that others reach", "replay shift.omcap --to opc.tcp://0.0.0.0:0", 2),
    Case("`--to`: a capture is there", "replay shift.omcap --to gaps.omcap", 1),
    Case("`--to`: the capture itself", "replay shift.omcap --to shift.omcap", 2),
    Case("`--rate` is no number", "replay shift.omcap --to stdout --rate fast", 2),
    Case("`--rate` is out of range", "replay shift.omcap --to stdout --rate 0", 2),
    Case("`--loop` is no number", "replay shift.omcap --to stdout --loop=x", 2),
    Case("`--loop` without end into a capture", "replay shift.omcap --to new.omcap --loop", 2),
    Case("`--stamp` is none of the three", "replay shift.omcap --to stdout --stamp then", 2),
    Case("`--delay` is no duration", "replay shift.omcap --to stdout --delay 5", 2),
    Case("`--select` matches nothing", "replay shift.omcap --to stdout --select '**/Sped'", 1),
    Case("no row in the window", "replay shift.omcap --to stdout --end 2020-01-01", 1),
    Case("`--server`: none of its servers", "replay shift.omcap --to stdout --server press8", 1),
)

SECTIONS = {"info": INFO, "verify": VERIFY, "recover": RECOVER, "cat": CAT, "replay": REPLAY}
