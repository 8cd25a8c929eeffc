"""`omptool discover`: what a server offers, before anyone logs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings
from omptool.cli.exits import ExitCode
from omptool.cli.options import ConfigOption, ForceOption, FormatOption, OutputOption, TimeoutOption
from omptool.cli.output import Rows, choose_format, emit, refuse_existing
from omptool.cli.signals import run_async

if TYPE_CHECKING:
    from omptool.opcua.discover import Discovery

COLUMNS = (
    "kind",
    "url",
    "security_policy",
    "security_mode",
    "user_tokens",
    "security_level",
    "application_name",
    "application_uri",
    "application_type",
    "product_uri",
    "certificate_subject",
    "certificate_sha1",
    "certificate_expires",
    "capabilities",
)

SHOWN = (
    "kind", "url", "security_policy", "security_mode", "user_tokens", "certificate_expires", "application_name",
)  # fmt: skip
"""What a person compares; thumbprints stand below, and the rest is for programs."""


def discover(
    server: Annotated[str, typer.Argument(help="opc.tcp://HOST:PORT, or a name from omptool.toml.", metavar="SERVER")],
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
) -> ExitCode:
    """List the endpoints of a server, how safe each is, and which other servers it knows.

    Nobody logs in for this: it works where browse is refused. Rows of kind `endpoint` are the server's own, from weak
    to strong, `server` those registered with it, `network` those announced around it.

    \b
    Examples:
      omptool discover opc.tcp://10.1.4.7:4840
      omptool discover press7 --format csv -o endpoints.csv
    """
    chosen = settings.server(settings.load(config), server)

    if output is not None and str(output) != "-":
        refuse_existing(output, force=force)  # before anybody is asked

    async def work() -> ExitCode:
        from omptool.opcua.discover import discover as ask

        found = await ask(chosen, timeout_s=timeout)
        if choose_format(format, output) == "table":
            rows = [[_shown(getattr(offer, column)) for column in SHOWN] for offer in found.offers]
            emit(Rows(SHOWN, rows), format=format, output=output, force=force)
            _say_certificates(found)
        else:
            rows = [[_plain(getattr(offer, column)) for column in COLUMNS] for offer in found.offers]
            emit(Rows(COLUMNS, rows), format=format, output=output, force=force)
        _say(found, chosen.url)
        return ExitCode.OK

    return run_async(work)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def _say(found: Discovery, url: str) -> None:
    """What the rows alone would hide."""
    from omptool.opcua.discover import elsewhere

    for service, why in found.unanswered.items():
        if service != "FindServersOnNetwork":  # only discovery servers have that one
            diagnostics.note(f"note: {service} is not answered ({why})")
    if others := elsewhere(found.offers, url):
        diagnostics.note(f"note: it announces itself as {others[0]}; omptool keeps the address you typed")


def _say_certificates(found: Discovery) -> None:
    """What a person compares with what the server itself shows: too long for a column, and usually one for all rows."""
    import datetime as dt

    from omptool.opcua.security.certificate import SOON_DAYS, spaced

    shown = {offer.certificate_sha1: offer for offer in found.offers if offer.certificate_sha1}
    for sha1, offer in shown.items():
        assert sha1 is not None and offer.certificate_expires is not None
        left = offer.certificate_expires - dt.datetime.now(dt.UTC)
        day, days = f"{offer.certificate_expires:%Y-%m-%d}", abs(left).days
        ends = f"ended on {day}, {days:,} days ago" if left < dt.timedelta() else f"ends on {day}, in {days:,} days"
        soon = ": let the server make a new one" if left.days < SOON_DAYS else ""
        diagnostics.note(f"note: certificate {offer.certificate_subject}", f"{ends}{soon}\nSHA-1  {spaced(sha1)}")
