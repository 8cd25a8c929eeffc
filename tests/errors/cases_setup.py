"""Bad input of demo, tour, samples and config, of omptool.toml, and of the command line itself."""

from __future__ import annotations

from tests.errors.case import Case

_DEMO = "demo --port 0"
DEMO = (
    Case("`--port` cannot be", "demo --port 70000", 2),
    Case("`--port` is in use", "demo --port PORTOF:silent:1", 5),
    Case("`--host`: an address that others reach", f"{_DEMO} --host 0.0.0.0", 2),
    Case("`--host`: no address of this computer", f"{_DEMO} --host 127.0.0.one", 2),
    Case("`--seed` is negative", f"{_DEMO} --seed -1", 2),
    Case("`--speed` is no number", f"{_DEMO} --speed fast", 2),
    Case("`--speed` is out of range", f"{_DEMO} --speed 0", 2),
    Case("`--from` is no time", f"{_DEMO} --from soon", 2),
    Case("`--from` is to come", f"{_DEMO} --from 2999-01-01", 2),
    Case("`--for` is no duration", f"{_DEMO} --for 5", 2),
    Case("`--user` without `--secure`", f"{_DEMO} --user ann --password-file historian.password", 2),
    Case("`--user` without `--password-file`", f"{_DEMO} --secure --user ann", 2),
    Case("others may read the password file", f"{_DEMO} --secure --user ann --password-file loose.password", 2),
    Case("`--truth` with one time", "demo --truth -1h", 2),
    Case("`--truth` ends before it starts", "demo --truth now -1h", 2),
    Case("`--truth` with no times", "demo --truth noon now", 2),
)
TOUR = (
    Case("`--folder` is there", "tour --folder old", 1, files={"old/": ""}),
    Case("`--folder` in no folder", "tour --folder no/such", 1),
    Case("no permission", "tour --folder locked/tour", 1, given=("locked",), needs="unprivileged"),
)
LIST = (Case("an argument", "samples list press-line", 2),)
COPY = (
    Case("no DIR", "samples copy", 2),
    Case("too many words", "samples copy press-line here there", 2),
    Case("no sample of this name", "samples copy pres-line here", 1),
    Case("a copy is there", "samples copy press-line old", 1, files={"old/press-line/README.md": "mine"}),
    Case("a file is there", "samples copy press-line old", 1, files={"old/press-line": "mine"}),
    Case(
        "`--force`: something else is there",
        "samples copy press-line old --force",
        1,
        files={"old/press-line/mine": "x"},
    ),
    Case("DIR is a file", "samples copy press-line orders.csv", 1),
    Case("no permission", "samples copy press-line locked", 1, needs="unprivileged"),
    Case("the disk is full", "samples copy press-line here", 1, leaves=("here",), needs="full"),
    Case("an unknown sub-command", "samples cpoy", 2),
)


def _bad(cause: str, text: str | bytes, typed: str = "config check") -> Case:
    return Case(cause, typed, 2, files={"omptool.toml": text})


CONFIG = (
    Case("an unknown sub-command", "config chek", 2),
    _bad("no TOML", "[output\n"),
    _bad("not UTF-8", b"# \xd6l\n"),
    _bad("larger than any settings", "# " + "x" * (4 << 20)),
    _bad("an unknown section", "[ouput]\n"),
    _bad("an unknown key", '[output]\nformt = "csv"\n'),
    _bad("a section that is no table", "output = 1\n"),
    _bad("rules for nodes that are no tables", "[capture]\nnodes = 1\n"),
    _bad("a rule for nodes without a match", "[[capture.nodes]]\ndeadband = 1\n"),
    _bad("a rule for nodes with an unknown key", '[[capture.nodes]]\nmatch = "**"\nqueue = 1\n'),
    _bad("a rule for nodes with a bad value", '[[capture.nodes]]\nmatch = "**"\ndeadband = "wide"\n'),
    _bad("a `select` that is no glob", '[servers.press7]\nurl = "opc.tcp://press7"\nselect = ["a{b"]\n'),
    _bad("a format that is none", '[output]\nformat = "xml"\n'),
    _bad("a time zone that is none", '[output]\ntz = "Mars"\n'),
    _bad("a duration that is none", '[capture]\npublishing_interval = "fast"\n'),
    _bad("`[servers]` without a name", '[servers]\nurl = "opc.tcp://press7:4840"\n'),
    _bad("a server without url", '[servers.press7]\nsite = "Leipzig"\n'),
    _bad("a server with url and urls", '[servers.press7]\nurl = "opc.tcp://a:4840"\nurls = ["opc.tcp://b:4840"]\n'),
    _bad("the addresses of a server are none", '[servers.press7]\nurls = "opc.tcp://press7:4840"\n'),
    _bad("a server with an unknown key", '[servers.press7]\nurl = "opc.tcp://press7:4840"\nusr = "ann"\n'),
    _bad("a password in omptool.toml", '[servers.press7]\nurl = "opc.tcp://press7:4840"\npassword = "x"\n'),
    _bad("a password in a url", '[servers.press7]\nurl = "opc.tcp://ann:secret@press7:4840"\n'),
    _bad("an address that is none", '[servers.press7]\nurl = "press7"\n'),
    _bad("a machine glob that is none", '[servers.press7]\nurl = "opc.tcp://press7:4840"\nmachine = "Line1/{a"\n'),
    _bad("a SecurityPolicy that is none", '[servers.press7]\nurl = "opc.tcp://press7:4840"\nsecurity_policy = "Aes"\n'),
    _bad(
        "a security mode that is none", '[servers.press7]\nurl = "opc.tcp://press7:4840"\nsecurity_mode = "Encrypt"\n'
    ),
    _bad("an exception that is none", '[servers.press7]\nurl = "opc.tcp://press7:4840"\naccept = ["all"]\n'),
    _bad("a timeout that is none", '[servers.press7]\nurl = "opc.tcp://press7:4840"\ntimeout = 5\n'),
    _bad("a per_request that is none", '[servers.press7]\nurl = "opc.tcp://press7:4840"\nper_request = 0\n'),
    _bad("a cloud without token_file", '[cloud.plant]\nurl = "https://plant.example"\n'),
    _bad("a token in omptool.toml", '[cloud.plant]\nurl = "https://plant.example"\ntoken = "x"\n'),
    Case("a wrong value in the environment", "config check", 2, env={"OMPTOOL_OUTPUT_TZ": "Mars"}),
    Case("an unknown variable in the environment", "config check", 2, env={"OMPTOOL_OUTPUT_FORMTA": "csv"}),
    Case(
        "a token file that is not there",
        "config check",
        2,
        files={"omptool.toml": '[cloud.plant]\nurl = "https://plant.example"\ntoken_file = "plant.token"\n'},
    ),
)

_OWN = {"OMPTOOL_PKI_FOLDER": "pki"}
_LOCKED = {"OMPTOOL_PKI_FOLDER": "locked/pki"}
PKI = (
    Case("an unknown sub-command", "pki inti", 2),
    Case("init: a certificate is there", "pki init", 1, files={"pki/own/omptool.der": b"0"}, env=_OWN),
    Case("init: no permission", "pki init", 1, given=("locked",), env=_LOCKED, needs="unprivileged"),
    Case("init: `--days` is too small", "pki init --days 0", 2),
    Case("init: `--application-uri` is no URI", "pki init --application-uri gateway7", 2),
    Case("show: no certificate of our own", "pki show", 1),
    Case("show: no such file", "pki show press8.der", 1),
    Case("show: a file without a certificate", "pki show orders.csv", 1),
    Case("show: a server without security", "pki show opc.tcp://press7:4840", 1),
    Case("show: nothing listens on the port", "pki show opc.tcp://closed:4840", 4),
    Case("trust: no SERVER", "pki trust", 2),
    Case("trust: a name that omptool.toml does not have", "pki trust press7", 2),
    Case("trust: a server without security", "pki trust opc.tcp://press7:4840", 1),
    Case("trust: another thumbprint", "pki trust press7.der --thumbprint 3F0A", 1),
    Case("trust: no permission", "pki trust press7.der", 1, given=("locked",), env=_LOCKED, needs="unprivileged"),
)

ROOT = (
    Case("an unknown command", "qurey", 2),
    Case("an unknown command that is like none", "frobnicate", 2),
    Case("an unknown option before the command", "--verbos", 2),
)

_PLANT = 'query "from telemetry limit 1" --on shift.omcap'


def _plant(cause: str, text: str) -> Case:
    return Case(cause, _PLANT, 2, files={"plant.toml": text})


PLANT = (
    _plant("no TOML", "[[machine\n"),
    _plant("an unknown key", 'sites = "Leipzig"\n'),
    _plant("a site that is no text", "site = 7\n"),
    _plant("a time zone that is none", 'time_zone = "Europe/Berln"\n'),
    _plant("`machine` is no list", '[machine]\npath = "A/B"\n'),
    _plant("a machine without a path", '[[machine]]\nline = "L1"\n'),
    _plant("a machine with an unknown key", '[[machine]]\npath = "A/B"\nhall = "2"\n'),
    _plant("a glob that is none", '[[machine]]\npath = "A/{B"\n'),
    _plant("a role that is neither text nor list", "[roles]\nstate = 1\n"),
    _plant("a state without a meaning", '[states]\nRunning = "Runing"\n'),
    _plant("a specification without a tag", "[[spec]]\nusl = 25.02\n"),
    _plant("specification limits the wrong way round", '[[spec]]\ntag = "Bore"\nlsl = 2\nusl = 1\n'),
    _plant("a specification limit that is a text", '[[spec]]\ntag = "Bore"\nlsl = "2"\n'),
    Case("not UTF-8", _PLANT, 2, files={"plant.toml": b"# \xd6l\n"}),
)

SECTIONS = {
    "demo": DEMO,
    "tour": TOUR,
    "samples list": LIST,
    "samples copy": COPY,
    "pki": PKI,
    "config": CONFIG,
    "plant.toml": PLANT,
    "omptool": ROOT,
}
