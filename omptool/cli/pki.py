"""`omptool pki`: our own certificate, and the servers that are trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings, terminal
from omptool.cli.options import ConfigOption, ForceOption, FormatOption, OutputOption, TimeoutOption
from omptool.errors import NotFound, ServerRefused, UsageError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from omptool.config import Config, ServerConfig
    from omptool.opcua.security.certificate import Certificate
    from omptool.opcua.security.pki import Pki

COLUMNS = (
    "store", "subject", "application_uri", "hosts", "valid_from", "valid_to", "state", "key", "sha1", "sha256",
    "issuer", "file",
)  # fmt: skip
SHOWN = ("store", "subject", "application_uri", "valid_to", "state", "sha1")
"""What a person compares in a list."""

_YEARS_5 = 1826
_LONGEST_DAYS = 36525

app = typer.Typer(
    help="Make our own certificate, and say which servers are trusted.",
    rich_markup_mode=None,
    no_args_is_help=False,
    invoke_without_command=True,
)


@app.callback()
def _pki(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@app.command()
def init(
    application_uri: Annotated[
        str | None,
        typer.Option("--application-uri", help="Default: urn:HOSTNAME:omptool.", metavar="URI"),
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option(
            "--host", help="A name or address of this computer; repeatable. Default: its name.", metavar="HOST"
        ),
    ] = None,
    organization: Annotated[
        str, typer.Option("--organization", help="Organization in its subject.", metavar="NAME", show_default=False)
    ] = "",
    days: Annotated[
        int, typer.Option("--days", help="How long it is valid.", min=1, max=_LONGEST_DAYS, metavar="N")
    ] = _YEARS_5,
    config: ConfigOption = None,
    format: FormatOption = None,
    force: Annotated[bool, typer.Option("--force", help="Make a new one in place of the one that is there.")] = False,
) -> None:
    """Make the certificate by which servers know this computer, and its private key.

    Needed once, for servers with security; each of them must then trust it. --force makes a new one, which servers
    do not know yet.

    \b
    Examples:
      omptool pki init
      omptool pki init --host gateway7.plant.example --host 10.1.4.99
    """
    import socket

    from omptool.opcua import channel

    pki = _folder(settings.load(config))
    hosts = host or [socket.gethostname() or "localhost"]
    made = pki.create(
        _checked_uri(application_uri or channel.application_uri()), hosts, days, organization, force=force
    )
    _show([("own", made, str(pki.certificate_file))], format, one=True)
    if terminal.stdout_is_terminal():
        diagnostics.note(
            "next: let the server trust this certificate, and trust the server:", "omptool pki trust SERVER"
        )


@app.command("list")
def list_(
    config: ConfigOption = None, format: FormatOption = None, output: OutputOption = None, force: ForceOption = False
) -> None:
    """List our own certificate, those of the servers that are trusted, and of the authorities whose signature is.

    To trust one no longer, remove its file.

    \b
    Examples:
      omptool pki list
      omptool pki list --format csv -o certificates.csv
    """
    pki = _folder(settings.load(config))
    own = pki.own()
    entries = [("own", own.certificate, str(pki.certificate_file))] if own else []
    entries += [("trusted", entry.certificate, str(entry.file)) for entry in pki.trusted()]
    entries += [("issuer", entry.certificate, str(entry.file)) for entry in pki.issuers()]
    _show(entries, format, output, force=force)
    _say_revoked(pki)
    if not own and output is None:
        diagnostics.note("note: there is no certificate of our own yet", "make one:  omptool pki init")


@app.command()
def show(
    what: Annotated[
        str | None,
        typer.Argument(
            help="A certificate file, a SERVER, or a thumbprint from the list. Default: our own.",
            metavar="SERVER|FILE|THUMBPRINT",
        ),
    ] = None,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
) -> None:
    """Show all that a certificate says: subject, URI, hosts, validity, thumbprints.

    \b
    Examples:
      omptool pki show
      omptool pki show press7
      omptool pki show press7.der --format json
    """
    loaded = settings.load(config)
    pki = _folder(loaded)
    if what is None:
        own = pki.own()
        if own is None:
            raise NotFound("there is no certificate of our own yet", "make one:  omptool pki init")
        _show([("own", own.certificate, str(pki.certificate_file))], format, output, force=force, one=True)
        return
    _show([_found(loaded, pki, what, timeout)], format, output, force=force, one=True)


@app.command()
def trust(
    what: Annotated[
        str,
        typer.Argument(
            help="A SERVER, or a file: its certificate or that of an authority (.der, .pem), or the authority's list "
            "of revoked ones (.crl).",
            metavar="SERVER|FILE",
        ),
    ],
    thumbprint: Annotated[
        str | None,
        typer.Option("--thumbprint", help="Only if it is this one: SHA-1 or SHA-256.", metavar="HEX"),
    ] = None,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    format: FormatOption = None,
) -> None:
    """Trust a server's certificate from now on, or all that an authority signs.

    Asked of a SERVER, its certificate is shown first: compare the thumbprint with the one that the server itself shows.
    Without a terminal --thumbprint says which one is meant. With an authority's certificate every server is trusted
    that shows one signed by it; its list of revoked ones takes single ones back.

    \b
    Examples:
      omptool pki trust press7
      omptool pki trust press7.der
      omptool pki trust plant-authority.pem
      omptool pki trust plant-authority.crl
      omptool pki trust opc.tcp://10.1.4.7:4840 --thumbprint 3F0A…91
    """
    loaded = settings.load(config)
    pki = _folder(loaded)
    if Path(what).suffix.lower() == ".crl":
        _take_back(pki, Path(what))
        return
    store, certificate, _ = _found(loaded, pki, what, timeout)
    _agree(certificate, what, thumbprint, is_file=store == "file")
    file = pki.trust(certificate, as_authority=store == "file")
    is_issuer = file.parent == pki.issuers_folder
    _show([("issuer" if is_issuer else "trusted", certificate, str(file))], format, one=True)
    if is_issuer:
        diagnostics.note(f"every server is trusted from now on whose certificate {certificate.subject} signed")
    if terminal.stdout_is_terminal():
        diagnostics.note(f"trusted: {file}")


def _take_back(pki: Pki, file: Path) -> None:
    from omptool.opcua.security.pki import read_revocations

    found = read_revocations(file)
    kept = pki.revoke(found)
    diagnostics.note(f"{len(found.read):,} certificates that {found.issuer} signed are trusted no longer: {kept}")


def _say_revoked(pki: Pki) -> None:
    import datetime as dt

    for one in pki.revocations():
        until = one.read.next_update_utc
        is_old = until is not None and until < dt.datetime.now(dt.UTC)
        end = "" if until is None else f", {'outdated since' if is_old else 'next due'} {until:%Y-%m-%d}"
        diagnostics.note(f"note: {one.issuer} revoked {len(one.read):,} certificates{end}: {one.file}")


def _agree(certificate: Certificate, what: str, thumbprint: str | None, *, is_file: bool) -> None:
    """Whether the user means this certificate.

    Raises:
        ServerRefused: it is another one, or nobody said so.
    """
    from omptool.cli.diagnostics import typed
    from omptool.opcua.security.certificate import plain, spaced

    if thumbprint is not None:
        if plain(thumbprint) not in (certificate.sha1, certificate.sha256):
            raise ServerRefused(
                f"the certificate of {what} is another one: SHA-1 {spaced(certificate.sha1)}",
                "compare it with the one that the server itself shows; somebody may stand in between",
            )
        return
    if is_file:
        return
    diagnostics.note(
        f"{what} shows the certificate of {certificate.subject}, valid until {certificate.valid_to:%Y-%m-%d}",
        f"SHA-1    {spaced(certificate.sha1)}\nSHA-256  {spaced(certificate.sha256)}",
    )
    if terminal.stdin_is_terminal():
        if typer.confirm("Is it the thumbprint that the server itself shows?", err=True):
            return
        raise ServerRefused("nothing was trusted", f"look at it:  omptool pki show {typed(what)}")
    raise ServerRefused(
        "nothing was trusted: say which certificate you mean",
        f"omptool pki trust {typed(what)} --thumbprint {certificate.sha1}",
    )


def _folder(loaded: Config) -> Pki:
    import os

    from omptool.config.files import pki_folder
    from omptool.opcua.security.pki import Pki

    return Pki(loaded["pki.folder"] or pki_folder(os.environ))


def _found(loaded: Config, pki: Pki, what: str, timeout: float | None) -> tuple[str, Certificate, str]:
    """The certificate that `what` names: a server's, one in a file, or one of the stores."""
    from omptool.opcua.security.certificate import plain, read_file

    if what not in loaded.servers and "://" not in what:
        digits = plain(what)
        for entry in pki.trusted():
            if len(digits) >= 8 and (entry.certificate.sha1.startswith(digits) or entry.certificate.sha256 == digits):
                return "trusted", entry.certificate, str(entry.file)
        if Path(what).is_file() or Path(what).suffix.lower() in {".der", ".pem", ".crt", ".cer"}:
            return "file", read_file(Path(what)), what
    server = settings.server(loaded, what)
    return "server", _of_server(server, timeout), ""


def _of_server(server: ServerConfig, timeout: float | None) -> Certificate:
    from dataclasses import replace

    from omptool.cli.signals import run_async

    found: list[Certificate] = []

    async def work() -> None:
        from omptool.opcua.discover import certificates

        found.extend(await certificates(server if timeout is None else replace(server, timeout_s=timeout)))

    if code := run_async(work):
        raise typer.Exit(code)
    if not found:
        raise NotFound(
            f"{server.url} shows no certificate: it offers no security", f"see:  omptool discover {server.url}"
        )
    if len(found) > 1:
        names = "\n".join(f"{one.sha1}  {one.subject}" for one in found)
        raise UsageError(f"{server.url} shows {len(found)} certificates", f"trust the right one by its file:\n{names}")
    return found[0]


def _show(
    entries: Sequence[tuple[str, Certificate, str]],
    format: str | None,
    output: Path | None = None,
    *,
    force: bool = False,
    one: bool = False,
) -> None:
    import datetime as dt

    from omptool.cli.output import Rows, choose_format, emit

    now = dt.datetime.now(dt.UTC)
    if choose_format(format, output) != "table":
        rows = [tuple(_facts(*entry, now).values()) for entry in entries]
        emit(Rows(COLUMNS, rows), format=format, output=output, force=force)
    elif one:
        emit(
            Rows(("", "certificate"), list(_spelled(*entries[0], now).items())),
            format="table",
            output=output,
            force=force,
        )
    else:
        rows = [tuple(_facts(*entry, now)[name] for name in SHOWN) for entry in entries]
        emit(Rows(SHOWN, rows), format="table", output=output, force=force)


def _facts(store: str, certificate: Certificate, file: str, now: dt.datetime) -> dict[str, object]:
    """A row of `COLUMNS`."""
    own = {name: getattr(certificate, name) for name in COLUMNS if hasattr(certificate, name)}
    own |= {"store": store, "file": file, "hosts": list(certificate.hosts), "state": certificate.state(now)}
    return {name: own[name] for name in COLUMNS}


def _spelled(store: str, certificate: Certificate, file: str, now: dt.datetime) -> dict[str, object]:
    """The same for a person: thumbprints in pairs."""
    from omptool.opcua.security.certificate import spaced

    return _facts(store, certificate, file, now) | {
        "hosts": ", ".join(certificate.hosts),
        "sha1": spaced(certificate.sha1),
        "sha256": spaced(certificate.sha256),
    }


def _checked_uri(uri: str) -> str:
    if ":" not in uri or any(letter.isspace() or ord(letter) > 126 for letter in uri):
        raise UsageError(f"{uri!r} is no URI", "write it like urn:gateway7.plant.example:omptool")
    return uri
