"""Bad input of what asks a cloud, and of `cloud serve`."""

from __future__ import annotations

from tests.errors.case import Case

_TOML = '[cloud.plant]\nurl = "http://cloud:8440"\ntoken_file = "cloud.token"\ntimeout = "1s"\n'
_HTTPS = _TOML.replace("http://cloud:8440", "https://plant.example")
_SELECT = 'query "select 1" --cloud plant'
_SERVE = "cloud serve --lake lake --port 0"


def _settings(cause: str, lines: str, code: int = 2) -> Case:
    return Case(cause, _SELECT, code, files={"omptool.toml": f"[cloud.plant]\n{lines}"})


def _at(host: str, typed: str = _SELECT) -> dict[str, str]:
    return {"omptool.toml": _TOML.replace("cloud:", f"{host}:")}


def _asked(cause: str, host: str, code: int, **more: object) -> Case:
    return Case(cause, _SELECT, code, files=_at(host), given=("cloud.token",), **more)  # type: ignore[arg-type]


ASK = (
    Case("no such cloud in omptool.toml", 'query "select 1" --cloud plnt', 2, files={"omptool.toml": _HTTPS}),
    Case("an address instead of a name", 'query "select 1" --cloud https://plant.example', 2),
    Case(
        "`--plant` and `--cloud`", f"{_SELECT} --plant plant.toml", 2, files={"omptool.toml": _HTTPS, "plant.toml": ""}
    ),
    Case("`--input-format` and `--cloud`", f"{_SELECT} --input-format csv", 2, files={"omptool.toml": _HTTPS}),
    _settings("no url", 'token_file = "cloud.token"\n'),
    _settings("no token_file", 'url = "https://plant.example"\n'),
    _settings("a token in the settings", 'url = "https://plant.example"\ntoken = "secret"\n'),
    _settings("http to another computer", 'url = "http://plant.example"\ntoken_file = "cloud.token"\n'),
    _settings("a password in the url", 'url = "https://ann:secret@plant.example"\ntoken_file = "cloud.token"\n'),
    _settings("a url that is none", 'url = "plant"\ntoken_file = "cloud.token"\n'),
    Case("the token file is not there", _SELECT, 1, files={"omptool.toml": _HTTPS}),
    Case("the token file is a folder", _SELECT, 2, files={"omptool.toml": _HTTPS, "cloud.token/": ""}),
    Case(
        "others may read the token file",
        _SELECT,
        2,
        files={"omptool.toml": _HTTPS, "cloud.token": "open-to-all-0123456789\n"},
    ),
    Case(
        "the token file holds no token",
        _SELECT,
        2,
        files={"omptool.toml": _HTTPS.replace("cloud.token", "empty.token")},
        given=("empty.token",),
    ),
    _asked("nothing listens there", "closed", 4),
    _asked("it does not answer", "silent", 4),
    _asked("it is no web server", "strict", 4),
    _asked("it is another web server", "web", 1),
    _asked("it refuses the token", "cloud401", 1),
    _asked("it sends on to somewhere else", "cloud302", 1),
    _asked("it has too many statements", "cloud503", 5),
    _asked("it stops a statement that takes too long", "cloudslow", 1),
    _asked("its answer breaks off", "cloudcut", 4),
    Case("no table of this name", 'query "from telemetri" --cloud plant', 1, files=_at("cloud"), given=("cloud.own",)),
    Case(
        "a table of this computer",
        "query \"from 'orders.csv'\" --cloud plant",
        1,
        files=_at("cloud"),
        given=("cloud.own", "orders.csv"),
    ),
    Case(
        "a parameter without a value",
        "query 'from telemetry where machine = $m' --cloud plant",
        1,
        files=_at("cloud"),
        given=("cloud.own",),
    ),
)

SERVE = (
    Case("no `--lake`", "cloud serve", 2),
    Case("no such lake", "cloud serve --lake lak", 1, given=("lake",)),
    Case("a capture", "cloud serve --lake shift.omcap", 1),
    Case("a folder with something else", "cloud serve --lake photos", 1, files={"photos/a.jpg": "x"}),
    Case("`--port` is no number", "cloud serve --lake lake --port http", 2),
    Case("`--port` cannot be", "cloud serve --lake lake --port 70000", 2),
    Case("`--port` is in use", "cloud serve --lake lake --port PORTOF:silent:1 --token-file cloud.token", 5),
    Case("`--memory` is no size", f"{_SERVE} --memory much", 2),
    Case("`--result-limit` is nothing", f"{_SERVE} --result-limit 0", 2),
    Case("`--statement-timeout` is no duration", f"{_SERVE} --statement-timeout 5", 2),
    Case("`--workers` is out of range", f"{_SERVE} --workers 0", 2),
    Case("`--threads` is out of range", f"{_SERVE} --threads 0", 2),
    Case(
        "the token file is open to others",
        f"{_SERVE} --token-file open.token",
        2,
        files={"open.token": "open-to-all-0123456789-0123456789-0123456789\n"},
    ),
    Case("the token file is empty", f"{_SERVE} --token-file empty.token", 2),
    Case("the token file is a folder", f"{_SERVE} --token-file lake", 2),
    Case("an unknown sub-command", "cloud sevre", 2),
)

SECTIONS = {"query and analyze --cloud": ASK, "cloud serve": SERVE}
