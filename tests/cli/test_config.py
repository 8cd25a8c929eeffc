"""Settings: who wins, what is refused, and that every value says where it came from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool import config
from omptool.cli import settings
from omptool.config import File, ServerConfig, load
from omptool.errors import ConfigError, UsageError
from tests.conftest import Result

PRESS = '[servers.press7]\nurl = "opc.tcp://10.1.4.7:4840"\n'


def _file(text: str, name: str = "omptool.toml") -> File:
    return File(Path(name), text)


def test_the_order_is_flag_environment_project_user_default() -> None:
    key = "capture.publishing_interval"
    user = _file('[capture]\npublishing_interval = "4s"\n', "user.toml")
    project = _file('# first\n[capture]\npublishing_interval = "3s"\n', "project.toml")
    environ = {"OMPTOOL_CAPTURE_PUBLISHING_INTERVAL": "2s", "HOME": "/home/ann"}
    seen = [
        load({key: "1s"}, environ, [project, user]).values[key],
        load({}, environ, [project, user]).values[key],
        load({}, {}, [project, user]).values[key],
        load({}, {}, [user]).values[key],
        load({}, {}, []).values[key],
    ]
    assert [(v.value, v.origin) for v in seen] == [
        (1000, "--publishing-interval"),
        (2000, "$OMPTOOL_CAPTURE_PUBLISHING_INTERVAL"),
        (3000, "project.toml:3"),
        (4000, "user.toml:2"),
        (500, "default"),
    ]


def test_a_server_table_is_taken_whole_from_one_file() -> None:
    project = _file('[servers.press7]\nurl = "opc.tcp://new:4840"\n', "project.toml")
    user = _file(
        '[servers.press7]\nurl = "opc.tcp://old:4840"\nsite = "Leipzig"\n[servers.oven]\nurl = "opc.tcp://o"\n'
    )
    loaded = load({}, {}, [project, user])
    assert loaded.server("press7") == ServerConfig(url="opc.tcp://new:4840", name="press7")
    assert loaded.server("oven").url == "opc.tcp://o"


def _named(*texts: str) -> list[str | None]:
    tables = "".join(
        f'[servers.{name}]\nurl = "opc.tcp://{name}"\n' for name in ("hall2-b", "hall2-a", "oven1", "oven2")
    )
    return [server.name or server.url for server in settings.servers(load({}, {}, [_file(tables)]), texts)]


def test_globs_name_servers_each_once_in_the_order_of_the_file() -> None:
    assert _named("hall2-*") == ["hall2-b", "hall2-a"]
    assert _named("oven2", "*", "oven{1,2}", "oven1", "opc.tcp://x") == [
        "oven2", "hall2-b", "hall2-a", "oven1", "opc.tcp://x",
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"opc.tcp://oven1, which is oven1, is named twice"):
        _named("oven1", "oven1")
    with pytest.raises(UsageError, match="named twice"):
        _named("oven*", "opc.tcp://oven1")  # another name, so other rows: which one is meant?
    with pytest.raises(UsageError, match=r"no server in omptool.toml has a name like 'ofen\*'") as caught:
        _named("ofen*")
    assert "did you mean oven" in caught.value.hint


def test_three_thousand_servers_are_read_at_once_and_each_value_has_its_line() -> None:
    tables = [f'[servers."line {number}"]\nurl = "opc.tcp://m{number}"\n\n' for number in range(3000)]
    values = load({}, {}, [_file("".join(tables))]).table_values
    assert [value.origin for value in values] == [f"omptool.toml:{3 * number + 2}" for number in range(3000)]


def test_a_server_has_all_its_settings() -> None:
    text = PRESS + 'site = "L"\narea = "A"\nline = "1"\nmachine = "(*)/Data"\n'
    text += 'publishing_interval = "1s"\nsampling_interval = "50ms"\nrebrowse = "10m"\ntimeout = "1m"\n'
    assert load({}, {}, [_file(text)]).server("press7") == ServerConfig(
        "opc.tcp://10.1.4.7:4840", "press7", "L", "A", "1", "(*)/Data", 1000, 50, 600_000, 60
    )


def test_intervals_flag_then_server_then_general() -> None:
    file = _file('[capture]\nsampling_interval = "3s"\n' + PRESS + 'sampling_interval = "2s"\n')
    loaded = load({}, {}, [file])
    assert loaded.sampling_ms(loaded.server("press7")) == 2000
    assert loaded.sampling_ms(loaded.server("opc.tcp://other:4840")) == 3000
    assert load({"capture.sampling_interval": "1s"}, {}, [file]).sampling_ms(loaded.server("press7")) == 1000
    assert loaded.publishing_ms(loaded.server("press7")) == 500
    assert load({}, {}, []).sampling_ms(loaded.server("opc.tcp://other:4840")) == 0


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[captur]\n", 'omptool.toml:1: unknown key "captur" in omptool.toml', "did you mean capture?"),
        ("\n[capture]\nsampling = 1\n", 'omptool.toml:3: unknown key "sampling" in [capture]', "sampling_interval"),
        (PRESS + 'sit = "x"\n', 'omptool.toml:3: unknown key "sit" in [servers.press7]', "did you mean site?"),
        (PRESS + 'password = "x"\n', 'omptool.toml:3: "password" is a secret', "password_file"),
        ('[servers.p]\nsite = "x"\n', "omptool.toml:1: [servers.p] has no url", "opc.tcp://HOST"),
        (
            '[servers.p]\nurl = "opc.tcp://a:1"\nurls = ["opc.tcp://b:1"]\n',
            "omptool.toml:3: [servers.p] has url and urls",
            "name every address",
        ),
        (
            '[servers."a b"]\nurl = "http://x"\n',
            'omptool.toml:2: servers.a b.url: "http://x" is no OPC UA',
            "opc.tcp://HOST",
        ),
        ("[capture]\nsampling_interval = 5\n", "omptool.toml:2: capture.sampling_interval must be a duration", ""),
        (PRESS + 'machine = "(*)/**"\n', "omptool.toml:3: servers.press7.machine must be a name or a glob", ""),
        ('[output]\nformat = "xml"\n', "omptool.toml:2: output.format must be one of table, jsonl", ""),
        ('[output]\ntz = "Mars"\n', "omptool.toml:2: output.tz must be a time zone", ""),
        ("capture = 1\n", "omptool.toml:1: capture must be a table", "[capture]"),
        ("servers = 1\n", "omptool.toml:1: servers must be tables", "[servers.NAME]"),
        ("[capture\n", "omptool.toml is not valid TOML: expected", ""),
    ],
)
def test_what_is_wrong_is_named_with_file_line_key_and_the_right_one(text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load({}, {}, [_file(text)])
    assert raised.value.message.startswith(message)
    assert hint in raised.value.hint


def test_a_mistyped_variable_is_refused() -> None:
    with pytest.raises(ConfigError, match="OMPTOOL_OUTPUT_FROMAT") as raised:
        load({}, {"OMPTOOL_OUTPUT_FROMAT": "csv"}, [])
    assert "did you mean OMPTOOL_OUTPUT_FORMAT?" in raised.value.hint


@pytest.mark.parametrize("url", ["opc.tcp://ann:secret@host:4840", "opc.tcp://ann@host"])
def test_a_url_with_a_password_is_refused_and_never_repeated(url: str) -> None:
    for attempt in (
        lambda: load({}, {}, []).server(url),
        lambda: load({}, {}, [_file(f'[servers.p]\nurl = "{url}"\n')]),
    ):
        with pytest.raises(UsageError) as raised:
            attempt()
        said = raised.value.message + raised.value.hint
        assert "must not carry" in said
        assert "secret" not in said
        assert "ann" not in said


@given(st.text(max_size=30))
def test_any_address_is_taken_or_refused(text: str) -> None:
    try:
        assert config.checked_url("opc.tcp://" + text) == "opc.tcp://" + text
    except UsageError as error:
        assert error.hint


@pytest.mark.parametrize(
    "url", ["opc.tcp://h", "opc.tcp://h:4840/path?x=1", "opc.tcp://[::1]:4840", "opc.tcp://10.0.0.1/UA/"]
)
def test_good_addresses(url: str) -> None:
    assert load({}, {}, []).server(url) == ServerConfig(url=url)


def test_an_unknown_server_names_the_nearest() -> None:
    with pytest.raises(UsageError, match='no server "pres7"') as raised:
        load({}, {}, [_file(PRESS)]).server("pres7")
    assert raised.value.hint.startswith("did you mean press7?")


def test_files_are_found_beside_and_in_the_user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    user = tmp_path / "config" / "omptool" / "omptool.toml"
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert config.read(environ=environ).looked_in == ()
    user.parent.mkdir(parents=True)
    user.write_text(PRESS)
    Path("omptool.toml").write_text('[output]\nformat = "csv"\n')
    loaded = config.read(environ=environ)
    assert loaded.looked_in == (Path("omptool.toml"), user)
    assert (loaded["output.format"], list(loaded.servers)) == ("csv", ["press7"])
    other = tmp_path / "other.toml"
    other.write_text('[output]\nformat = "tsv"\n')
    for chosen in (config.read(other, environ=environ), config.read(environ={"OMPTOOL_CONFIG": str(other)})):
        assert (chosen["output.format"], chosen.folder) == ("tsv", tmp_path)


def test_a_named_file_must_be_readable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no settings file"):
        config.read(tmp_path / "missing.toml", environ={})
    with pytest.raises(ConfigError, match=r"cannot read .*directory"):
        config.read(tmp_path, environ={})
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        config.read(tmp_path / "latin.toml", environ={})


def test_show_gives_every_setting_with_its_origin(invoke: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "omptool.toml").write_text(PRESS)
    result = invoke("config", "show", env={"OMPTOOL_OUTPUT_TZ": "Europe/Berlin"})
    rows = {row["setting"]: (row["value"], row["origin"]) for row in result.rows}
    assert set(rows) == {setting.key for setting in config.SETTINGS} | {"servers.press7.url"}
    assert rows["output.tz"] == ("Europe/Berlin", "$OMPTOOL_OUTPUT_TZ")
    assert rows["servers.press7.url"] == ("opc.tcp://10.1.4.7:4840", "omptool.toml:2")
    assert (result.code, result.err) == (0, "")


def test_the_format_setting_holds_for_every_command(invoke: Callable[..., Result]) -> None:
    result = invoke("config", "show", env={"OMPTOOL_OUTPUT_FORMAT": "csv"})
    assert result.out.splitlines()[0] == "setting,value,origin"


def test_check_says_what_was_read_and_exits_2_when_wrong(invoke: Callable[..., Result], tmp_path: Path) -> None:
    assert invoke("config", "check") == Result(0, "", "settings are fine (no omptool.toml; defaults only)\n")
    (tmp_path / "omptool.toml").write_text(PRESS)
    assert invoke("config", "check") == Result(0, "", "settings are fine (omptool.toml)\n")
    assert invoke("config", "check", "--quiet") == Result(0, "", "")
    (tmp_path / "omptool.toml").write_text(PRESS + "urll = 1\n")
    result = invoke("config", "check")
    assert result.code == 2
    assert result.err.startswith(
        'omptool: omptool.toml:3: unknown key "urll" in [servers.press7]\n  did you mean url?\n'
    )


def test_config_alone_shows_its_commands(invoke: Callable[..., Result]) -> None:
    assert "show" in invoke("config").out


def test_an_address_without_its_scheme_is_completed() -> None:
    with pytest.raises(UsageError) as raised:
        load({}, {}, []).server("10.1.4.7:4840")
    assert raised.value.hint == "write an address as opc.tcp://10.1.4.7:4840"
