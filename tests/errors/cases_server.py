"""Bad input of the commands that talk to a server: discover, browse, read, capture."""

from __future__ import annotations

from tests.errors.case import Case

_TOML = '[servers.press7]\nurl = "opc.tcp://press7:4840"\n'


def _addresses(command: str, behind: str = "") -> tuple[Case, ...]:
    """What can be wrong with a SERVER, whatever is asked of it."""
    return (
        Case("a name that omptool.toml does not have", f"{command} pres7{behind}", 2, files={"omptool.toml": _TOML}),
        Case("a name, and no omptool.toml", f"{command} press7{behind}", 2),
        Case("an address without opc.tcp://", f"{command} press7:4840{behind}", 2),
        Case("an address of another kind", f"{command} http://press7:4840{behind}", 2),
        Case("an address without a host", f"{command} opc.tcp://:4840{behind}", 2),
        Case("a port that cannot be", f"{command} opc.tcp://press7.plant:99999{behind}", 2),
        Case("a password in the address", f"{command} opc.tcp://ann:secret@press7.plant:4840{behind}", 2),
        Case("a capture instead of a server", f"{command} shift.omcap{behind}", 2),
        Case("a host that nobody knows", f"{command} opc.tcp://press7.invalid:4840{behind}", 4),
        Case("nothing listens on the port", f"{command} opc.tcp://closed:4840{behind}", 4),
        Case("the port is a web server's", f"{command} opc.tcp://web:4840{behind}", 4),
        Case("the server does not answer", f"{command} opc.tcp://silent:4840 --timeout 0.3{behind}", 4),
    )


def _sessions(command: str, behind: str = "") -> tuple[Case, ...]:
    """What a server may refuse."""
    return (
        Case("the server wants security", f"{command} opc.tcp://strict:4840{behind}", 1),
        Case("the server wants a user", f"{command} opc.tcp://login:4840{behind}", 1),
        Case("the server has no session left", f"{command} opc.tcp://full:4840{behind}", 4),
    )


DISCOVER = (
    Case("no SERVER", "discover", 2),
    Case("two servers", "discover opc.tcp://press7:4840 opc.tcp://press7:4840", 2),
    *_addresses("discover"),
)

_TELEGRAF = '[[inputs.opcua_listener]]\nendpoint = "opc.tcp://press7:4840"\n'
_UMH = "input:\n  opcua:\n    endpoint: opc.tcp://press7:4840\n    nodeIDs: ns=2;s=x\n"
_SNAPSHOT = '[{"node_id":"i=1","path":"Press","browse_name":"Press","node_class":"Object"}]'
_ODD_SNAPSHOT = _SNAPSHOT.replace("}", ',"browse_error":"none"}')
_PRESS = "browse opc.tcp://press7:4840"
BROWSE = (
    Case("no SERVER", "browse", 2),
    *_addresses("browse"),
    *_sessions("browse"),
    Case("`--select` matches nothing", f"{_PRESS} --select '**/Temprature*'", 1),
    Case("`--root`: no node of this path", f"{_PRESS} --root Riverside/Stampin", 1),
    Case("`--root`: no node of this NodeId", f"{_PRESS} --root 'nsu=urn:omptool:demo;s=none'", 1),
    Case("`--root`: a NodeId that is none", f"{_PRESS} --root 'i=x'", 2),
    Case("`--root`: nothing", f"{_PRESS} --root ''", 2),
    Case("`--class`: none of the eight", f"{_PRESS} --class Varable", 2),
    Case("`--class`: no node is one", f"{_PRESS} --root Riverside --class View", 1),
    Case("`--type`: no node is one", f"{_PRESS} --type Doubel", 1),
    Case("`--depth` is no number", f"{_PRESS} --depth deep", 2),
    Case("`--depth` is too small", f"{_PRESS} --depth 0", 2),
    Case("`--regex` is none", f"{_PRESS} --regex 'Press['", 2),
    Case("`--regex` matches nothing", f"{_PRESS} --regex press9", 1),
    Case("`--namespace`: no node is of it", f"{_PRESS} --namespace urn:omptool:dmo", 1),
    Case("`--unit`: no node has it", f"{_PRESS} --unit kw", 1),
    Case("`--save`: no snapshot has this suffix", f"{_PRESS} --save plant.xls", 2),
    Case("`--save`: a file is there", f"{_PRESS} --save plant.json", 1, files={"plant.json": "[]"}),
    Case("`--as`: none of the tools", f"{_PRESS} --as telegraph", 2),
    Case("`--as` and `--format`", f"{_PRESS} --as telegraf --format json", 2),
    Case("`--as`: no Variable among the nodes", f"{_PRESS} --class Object --as umh", 1),
    Case("`--as`: nobody knows the address", "browse plant.json --as telegraf", 2, files={"plant.json": _SNAPSHOT}),
    Case("a snapshot that is not there", "browse plnt.json", 1, files={"plant.json": "[]"}),
    Case("a file that is no snapshot", "browse plant.json", 1, files={"plant.json": '{"a": 1}'}),
    Case("a table without nodes", "browse orders.csv", 1),
    Case("a snapshot without a row", "browse plant.json", 1, files={"plant.json": "[]"}),
    Case("a snapshot with a cell that does not fit", "browse plant.json", 1, files={"plant.json": _ODD_SNAPSHOT}),
    Case("a NodeSet2 file that is none", "browse plant.xml", 1, files={"plant.xml": "<plant/>"}),
    Case("`--save` of a snapshot", "browse plant.json --save plant.csv", 2, files={"plant.json": _SNAPSHOT}),
    Case("a snapshot: `--root` is not there", "browse plant.json --root Presss", 1, files={"plant.json": _SNAPSHOT}),
    Case("a snapshot: no values were saved", "browse plant.json --values", 1, files={"plant.json": _SNAPSHOT}),
)

_READ = "read opc.tcp://press7:4840"
READ = (
    Case("no NODE", _READ, 2),
    *_addresses("read", " i=2258"),
    *_sessions("read", " i=2258"),
    Case("a node that is nothing", f"{_READ} ''", 2),
    Case("a NodeId that is none", f"{_READ} i=x", 2),
    Case("a Guid that is none", f"{_READ} 'nsu=urn:x;g=12'", 2),
    Case("no node of this path", f"{_READ} Riverside/Stamping/LineA/Press1/Powr", 1),
    Case("no folder of this path", f"{_READ} Riverside/Forming/LineA/Press1/Power", 1),
    Case("no node of this NodeId", f"{_READ} i=99999", 1),
    Case("no namespace of this URI", f"{_READ} 'nsu=urn:omptool:dmo;s=x'", 1),
    Case("no namespace of this index", f"{_READ} 'ns=99;s=x'", 1),
    Case("a node without a value", f"{_READ} Riverside/Stamping", 1),
    Case("one of two is not there", f"{_READ} i=2258 i=99999", 1, out="rows"),
    Case("`--select` matches nothing", f"{_READ} --select '**/Temprature*'", 1),
    Case("`--select` is no glob", f"{_READ} --select 'a{{b'", 2),
    Case("a window, and no `--history`", f"{_READ} i=2258 --start -1h", 2),
    Case("`--every` without an aggregate", f"{_READ} i=2258 --history --every 10s", 2),
    Case("`--every` is no duration", f"{_READ} i=2258 --history --aggregate Average --every soon", 2),
    Case("`--aggregate`: nobody knows it", f"{_READ} i=2258 --history --aggregate Avrage", 1),
    Case("`--bounds` of an aggregate", f"{_READ} i=2258 --history --aggregate Average --bounds", 2),
    Case("`--start` is in the future", f"{_READ} i=2258 --history --start 2999-01-01", 2),
    Case(
        "a node without a history",
        f"{_READ} i=2259 --history --start 2026-11-21 --end 2026-11-22 --tz UTC",
        1,
    ),
)

_WATCH = "watch opc.tcp://press7:4840"
WATCH = (
    Case("no SOURCE", "watch", 2),
    Case("a name that omptool.toml does not have", "watch pres7", 2, files={"omptool.toml": _TOML}),
    Case("nothing listens on the port", "watch opc.tcp://closed:4840", 4),
    Case("the server does not answer", "watch opc.tcp://silent:4840 --timeout 0.3", 4),
    Case("a folder with something else", "watch photos", 1, files={"photos/a.jpg": "x"}),
    Case("a lake", "watch lake", 1),
    Case("`--every` is no duration", f"{_WATCH} --every soon", 2),
    Case("`--for` is nothing", f"{_WATCH} --for 0s", 2),
    Case("`--count` is too small", f"{_WATCH} --count 0", 2),
    Case("`--select` matches nothing on a server", f"{_WATCH} --select '**/Powr'", 1),
    Case("`--select` matches nothing in a capture", "watch shift.omcap --select '**/Sped'", 1),
)

_RECORD = "capture opc.tcp://press7:4840 -o new.omcap"
_OBJECT = '[{"node_id": "i=85", "node_class": "Object", "path": ""}]'
_NO_ID = '[{"EndpointUrl": "opc.tcp://press7:4840", "OpcNodes": [{"DisplayName": "Speed"}]}]'
_OTHERS = """[{"EndpointUrl": "opc.tcp://press1:4840", "OpcNodes": [{"Id": "i=2258"}]},
{"EndpointUrl": "opc.tcp://press2:4840", "OpcNodes": [{"Id": "i=2258"}]}]"""
_HUNDRED = {
    "omptool.toml": "".join(
        f'[servers.press{number}]\nurl = "opc.tcp://10.1.4.{number}:4840"\n' for number in range(100)
    )
}

CAPTURE = (
    Case("no SERVER", "capture -o new.omcap", 2),
    Case("no `-o`", "capture opc.tcp://press7:4840", 2),
    *_addresses("capture", " -o new.omcap --for 1s"),
    *_sessions("capture", " -o new.omcap --for 1s"),
    Case("a glob of names that no server has", "capture 'hall2-*' -o new.omcap", 2),
    Case("a server twice", "capture opc.tcp://press7:4840 opc.tcp://press7:4840 -o new.omcap", 2),
    Case("`-o`: a capture is there", "capture opc.tcp://press7:4840 -o shift.omcap", 1),
    Case("`-o`: a file is there", "capture opc.tcp://press7:4840 -o orders.csv", 1),
    Case("`-o`: a lake is there", "capture opc.tcp://press7:4840 -o lake", 1),
    Case("`-o --force`: a lake is there", "capture opc.tcp://press7:4840 -o lake --force", 1),
    Case(
        "`-o`: no permission",
        "capture opc.tcp://press7:4840 -o locked/new.omcap",
        1,
        given=("locked",),
        needs="unprivileged",
    ),
    Case("more servers than a process may have files", "capture '*' -o new.omcap", 1, _HUNDRED, needs="few"),
    Case("`--dry-run` of as many", "capture '*' --dry-run", 1, _HUNDRED, needs="few"),
    Case("`--for` is no duration", f"{_RECORD} --for soon", 2),
    Case("`--for` is nothing", f"{_RECORD} --for 0s", 2),
    Case("`--until` is no time", f"{_RECORD} --until noon", 2),
    Case("`--until` is past", f"{_RECORD} --until 2020-01-01", 2),
    Case("`--count` is no number", f"{_RECORD} --count many", 2),
    Case("`--count` is too small", f"{_RECORD} --count 0", 2),
    Case("`--publishing-interval` is no duration", f"{_RECORD} --publishing-interval fast", 2),
    Case("`--sampling-interval` is no duration", f"{_RECORD} --sampling-interval 10", 2),
    Case("`--log-file` is a folder", f"{_RECORD} --log-file lake", 1, given=("lake",)),
    Case("`--log-format` is none of the two", f"{_RECORD} --log-format xml", 2),
    Case("`--metrics` is no address", f"{_RECORD} --metrics here", 2),
    Case("`--metrics`: a port that cannot be", f"{_RECORD} --metrics 127.0.0.1:99999", 2),
    Case("`--metrics` is in use", f"{_RECORD} --metrics PORTOF:silent:1", 5),
    Case("`--metrics`: a host that nobody knows", f"{_RECORD} --metrics nohost.invalid:9464", 1),
    Case("`--metrics`: an address of another computer", f"{_RECORD} --metrics 192.0.2.1:9464", 1),
    Case("`--lock` in a folder that is not there", f"{_RECORD} --lock nowhere/x.lock", 1),
    Case("`--rotate-size` is no size", f"{_RECORD} --rotate-size much", 2),
    Case("`--rotate-size` is too small", f"{_RECORD} --rotate-size 1kB", 2),
    Case("`--rotate-every` is too short", f"{_RECORD} --rotate-every 1ms", 2),
    Case("`--keep-for` is no duration", f"{_RECORD} --keep-for ever", 2),
    Case("`--keep-size` is no size", f"{_RECORD} --keep-size 10apples", 2),
    Case("`--keep-free` is nothing", f"{_RECORD} --keep-free 0GB", 2),
    Case(
        "`[capture] keep_size` of omptool.toml is no size",
        _RECORD,
        2,
        files={"omptool.toml": '[capture]\nkeep_size = "10apples"\n'},
    ),
    Case("`--select` matches nothing", f"{_RECORD} --select '**/Powr'", 1),
    Case("`--nodes`: no such file", f"{_RECORD} --nodes list.txt", 1),
    Case("`--nodes`: a folder", f"{_RECORD} --nodes lake", 1),
    Case("`--nodes`: not UTF-8", f"{_RECORD} --nodes list.txt", 2, files={"list.txt": b"\xd6l\n"}),
    Case("`--nodes`: an empty list", f"{_RECORD} --nodes list.txt", 1, files={"list.txt": "# nothing yet\n"}),
    Case(
        "`--nodes`: no such node",
        f"{_RECORD} --nodes list.txt",
        1,
        files={"list.txt": "i=2258\nRiverside/Stamping/LineA/Press1/Powr\n"},
    ),
    Case("`--nodes`: a remark behind a node", f"{_RECORD} --nodes list.txt", 2, files={"list.txt": "i=2258  # time\n"}),
    Case("`--nodes`: a NodeId that is none", f"{_RECORD} --nodes list.txt", 2, files={"list.txt": "i=x\n"}),
    Case(
        "`--nodes`: a node without a value",
        f"{_RECORD} --nodes list.txt",
        2,
        files={"list.txt": "Riverside/Stamping\n"},
    ),
    Case(
        "`--nodes`: CSV with an unknown column", f"{_RECORD} --nodes n.csv", 2, files={"n.csv": "node,smpling\na,1s\n"}
    ),
    Case("`--nodes`: CSV with a bad cell", f"{_RECORD} --nodes n.csv", 2, files={"n.csv": "node,queue\ni=2258,0\n"}),
    Case("`--nodes`: JSON of another kind", f"{_RECORD} --nodes n.json", 2, files={"n.json": '[{"a": 1}]'}),
    Case("`--nodes`: broken JSON", f"{_RECORD} --nodes n.json", 2, files={"n.json": '[{"EndpointUrl": '}),
    Case("`--nodes`: Parquet of another kind", f"{_RECORD} --nodes n.parquet", 2, files={"n.parquet": b"PAR1"}),
    Case("`--nodes`: a snapshot without Variables", f"{_RECORD} --nodes n.json", 2, files={"n.json": _OBJECT}),
    Case("`--nodes`: Telegraf's file without a node", f"{_RECORD} --nodes t.conf", 2, files={"t.conf": _TELEGRAF}),
    Case("`--nodes`: TOML that is none", f"{_RECORD} --nodes t.conf", 2, files={"t.conf": _TELEGRAF + "[["}),
    Case("`--nodes`: benthos-umh's file without a list", f"{_RECORD} --nodes b.yaml", 2, files={"b.yaml": _UMH}),
    Case("`--nodes`: YAML that is none", f"{_RECORD} --nodes b.yaml", 2, files={"b.yaml": _UMH + "  - ["}),
    Case("`--nodes`: publishednodes.json without an Id", f"{_RECORD} --nodes pn.json", 2, files={"pn.json": _NO_ID}),
    Case("`--nodes`: publishednodes.json of others", f"{_RECORD} --nodes pn.json", 2, files={"pn.json": _OTHERS}),
    Case("`--queue-size` is none", f"{_RECORD} --queue-size 0", 2),
    Case("`--discard` is neither", f"{_RECORD} --discard all", 2),
    Case("`--deadband` is no number", f"{_RECORD} --deadband 200%", 2),
    Case("`--trigger` is none of the three", f"{_RECORD} --trigger always", 2),
    Case("`--event-source` matches nothing", f"{_RECORD} --event-source 'Riverside/**'", 1),
    Case("`--event-type` is no NodeId", f"{_RECORD} --event-type Alarm", 2),
    Case("`--event-field` is none", f"{_RECORD} --event-field a//b", 2),
    Case("`--event-severity` is out of range", f"{_RECORD} --event-severity 1001", 2),
    Case("`--nodes -`: nothing comes", f"{_RECORD} --nodes -", 1),
)

DOCTOR = (
    Case("no SERVER", "doctor", 2),
    Case("a name that omptool.toml does not have", "doctor pres7", 2, files={"omptool.toml": _TOML}),
    Case("a host that nobody knows", "doctor opc.tcp://press7.invalid:4840", 4, out="rows"),
    Case("nothing listens on the port", "doctor opc.tcp://closed:4840", 4, out="rows"),
    Case("the port is a web server's", "doctor opc.tcp://web:4840", 4, out="rows"),
    Case("the server does not answer", "doctor opc.tcp://silent:4840 --timeout 0.3", 4, out="rows"),
    Case("the server wants a user", "doctor opc.tcp://login:4840", 1, out="rows"),
    Case("`-o`: a file is there", "doctor opc.tcp://press7:4840 -o orders.csv", 1),
    Case("`--save` and `--per-request`", "doctor opc.tcp://press7:4840 --save --per-request 5", 2),
    Case("`--per-request` is too large", "doctor opc.tcp://press7:4840 --per-request 5000", 2),
)

_TWO = {"plant.json": _SNAPSHOT, "now.json": _SNAPSHOT}
DIFF = (
    Case("only one", "diff plant.json", 2, files=_TWO),
    Case("a snapshot that is not there", "diff plnt.json now.json", 1, files=_TWO),
    Case("a folder that is no capture", "diff lake now.json", 1, files=_TWO, given=("lake",)),
    Case("nobody answers", "diff plant.json opc.tcp://closed:4840", 4, files=_TWO),
    Case("`--ignore`: no such change", "diff plant.json now.json --ignore colour", 2, files=_TWO),
    Case("`--select` matches nothing", "diff plant.json now.json --select Pres", 1, files=_TWO),
)

SECTIONS = {
    "discover": DISCOVER, "doctor": DOCTOR, "browse": BROWSE, "diff": DIFF, "read": READ, "watch": WATCH,
    "capture": CAPTURE,
}  # fmt: skip
