"""Options that belong together as one parameter of a command: a dataclass, each field of which is an option.

typer reads the signature of a command's function and knows nothing of groups. `grouped` shows it one in which each such
parameter is spelled out, and puts the group together again for the function. So options that several commands share are
written once, with what they mean, and a command passes one thing on instead of seven.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_BY_NAME = inspect.Parameter.KEYWORD_ONLY  # as typer calls commands


def grouped(command: Callable[P, T]) -> Callable[P, T]:
    """`command` as typer is to see it; the fields of a group stand where its parameter does."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {
        name: one.annotation for name, one in signature.parameters.items() if is_dataclass(one.annotation)
    }
    call: Callable[..., T] = command

    @functools.wraps(command)
    def spelled_out(**typed: Any) -> T:
        made = {
            name: group(**{field.name: typed.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        return call(**typed, **made)

    parameters = [
        one
        for name, parameter in signature.parameters.items()
        for one in (_options(groups[name]) if name in groups else (parameter.replace(kind=_BY_NAME),))
    ]
    shown: Any = spelled_out
    shown.__signature__ = signature.replace(parameters=parameters)
    shown.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": signature.return_annotation}
    return spelled_out  # type: ignore[return-value]  # called by typer only, by name


def _options(group: Any) -> Iterator[inspect.Parameter]:
    hints = inspect.get_annotations(group, eval_str=True)
    for field in fields(group):
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        yield inspect.Parameter(field.name, _BY_NAME, default=default, annotation=hints[field.name])
