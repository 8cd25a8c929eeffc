"""Turns texts of the command line into values without pydantic.

typer 0.29 builds a pydantic validator for every parameter of a command, given or not: that takes longer than everything
else between the shell and a command. For the plain types below a few lines do the same; whatever is not plain is left
to typer. This is the only place that touches a private attribute of typer; a test notices when it stops working.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

import typer

HELP_NAMES = ["--help", "-h"]
_PATH_CHECKS = ("exists", "writable", "resolve_path", "allow_dash", "path_type")


def lighten(command: Any) -> None:
    """Give every plain parameter of `command` (and of its sub-commands) a light coercion."""
    context = typer.Context(command, help_option_names=HELP_NAMES)
    for parameter in command.get_params(context):  # makes the help option too, which typer then keeps
        descriptor = getattr(parameter, "type_descriptor", None)
        if descriptor is None or not hasattr(parameter, "_runtime_param"):
            continue
        parse = _parser(descriptor.annotation, descriptor.parameter_info)
        if parse is not None:
            parameter._runtime_param = _Light(parse)
    for child in getattr(command, "commands", {}).values():
        lighten(child)


class _Light:
    """What typer asks of a parameter's coercion."""

    def __init__(self, parse: Callable[[Any], Any]) -> None:
        self._parse = parse

    def coerce(self, value: Any, param: Any, ctx: typer.Context) -> Any:
        """The value of `param` from the command line, a variable or its default."""
        many = param.multiple or param.nargs == -1
        if value is None:
            return () if many else None
        try:
            return self._parse(value)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=ctx, param=param) from None


def _parser(annotation: Any, info: Any) -> Callable[[Any], Any] | None:
    """How a value of this type is read; None when typer shall do it."""
    if info.parser is not None or info.clamp:
        return None
    arguments = get_args(annotation)
    if get_origin(annotation) is list:
        item = _parser(arguments[0], info)
        return None if item is None else lambda values: [item(value) for value in values]
    if get_origin(annotation) is tuple:
        items = [_parser(argument, info) for argument in arguments]
        return None if None in items else _tuple_of(items)
    if annotation is str:
        return str
    if annotation is bool:
        return _flag
    if annotation in (int, float):
        return _number(annotation, info.min, info.max)
    if annotation is Path and not any(getattr(info, check, None) for check in _PATH_CHECKS):
        return Path
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _choice(list(annotation))
    return None


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is neither yes nor no")


def _tuple_of(items: Sequence[Callable[[Any], Any] | None]) -> Callable[[Any], Any]:
    return lambda values: tuple(item(value) for item, value in zip(items, values, strict=True) if item)


def _number(kind: type[int] | type[float], least: float | None, most: float | None) -> Callable[[Any], Any]:
    def parse(value: Any) -> int | float:
        try:
            number = kind(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a {'whole number' if kind is int else 'number'}") from None
        if number != number or (least is not None and number < least) or (most is not None and number > most):
            raise ValueError(f"{value} is not in the range {_range(least, most)}")
        return number

    return parse


def _range(least: float | None, most: float | None) -> str:
    return f"{'' if least is None else f'{least:g}'} … {'' if most is None else f'{most:g}'}".strip()


def _choice(members: Sequence[Enum]) -> Callable[[Any], Enum]:
    def parse(value: Any) -> Enum:
        for member in members:
            if value is member or value == member.value:
                return member
        raise ValueError(f"{value!r} is not one of {', '.join(repr(str(member.value)) for member in members)}")

    return parse
