"""Defines the commands `haut login` and `haut logout`, which add and remove profiles."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from haut_ext import ConfigError
from haut_ext.cli import output, profiles
from haut_ext.cli.options import Yes, examples
from haut_ext.urls import PRODUCTION, parse_base_url

if TYPE_CHECKING:
    from haut_ext import Haut

LOGIN_EXAMPLES = examples(
    "haut login",
    "haut --profile clinic login",
    "haut login --company-id ID --dataset-id ID < token.txt",
)
LOGOUT_EXAMPLES = examples("haut logout", "haut --profile clinic logout")
_NOT_ASCII = "the token must be ASCII text; a file in UTF-16 is not accepted"


def login(
    company_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Id of the company, from the SaaS portal.")
    ] = None,
    dataset_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Id of the dataset to use. Without it, the datasets are shown."
        ),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Address of the service, or of a sandbox.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Replace an existing profile without asking.")
    ] = False,
) -> None:
    """Store a token and ids in a profile, so that no environment variables are needed.

    Asks for a private token from the SaaS portal, or reads it from stdin if that is no terminal.
    Checks the token with the service before it stores anything. The profile is named by --profile,
    and is otherwise the default profile.
    """
    from haut_ext import Haut

    name = profiles.selected() or profiles.DEFAULT
    if name in profiles.load() and not yes:
        output.err().print(f"The profile {name!r} exists in {profiles.path()}.")
        if not sys.stdin.isatty():
            raise ConfigError("pass --yes to replace it")
        typer.confirm("Replace it?", abort=True, err=True)
    service = parse_base_url(base_url or PRODUCTION)
    output.err().print(f"Service: {service}")
    values = {"token": _token(), "company_id": company_id or _ask("Company id")}
    if base_url:
        values["base_url"] = service
    variables = {profiles.VARIABLES[key]: value for key, value in values.items()}
    with Haut.from_env(variables) as haut:
        haut.with_options(max_retries=0, deadline=30.0).datasets.list(page_size=1)
        if chosen := dataset_id or _ask_dataset(haut):
            values["dataset_id"] = chosen
            haut.subjects.list(dataset_id=chosen, page_size=1)
    profiles.store(name, values)
    output.err().print(
        f"The service accepted the token. The profile {name!r} is stored in {profiles.path()}, which "
        "only you can read."
    )


def logout(yes: Yes = False) -> None:
    """Delete a profile with its token from this machine.

    The token remains valid. To revoke it, use the SaaS portal or haut.private_tokens.revoke.
    """
    name = profiles.selected() or profiles.DEFAULT
    if name not in profiles.load():
        raise ConfigError(f"there is no profile {name!r} in {profiles.path()}")
    if not yes:
        typer.confirm(f"Delete the profile {name!r}?", abort=True, err=True)
    profiles.store(name, None)
    output.err().print(f"The profile {name!r} is deleted. Its token is still valid.")


def _token() -> str:
    if not sys.stdin.isatty():
        try:
            token = sys.stdin.readline(64 * 1024).lstrip("\ufeff").strip()
        except UnicodeDecodeError:
            raise ConfigError(_NOT_ASCII) from None
    else:
        token = str(typer.prompt("Private token (not shown)", hide_input=True, err=True)).strip()
    if not token:
        raise ConfigError("no token: type it, or pass it on stdin")
    if not token.isascii():
        raise ConfigError(_NOT_ASCII)
    return token


def _ask(question: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigError(f"stdin is no terminal: pass --{question.lower().replace(' ', '-')}")
    return str(typer.prompt(question, err=True)).strip()


def _ask_dataset(haut: Haut) -> str:
    """Return the id of the dataset that the user chooses, or an empty text."""
    if not sys.stdin.isatty():
        return ""
    datasets = haut.datasets.short_list()
    output.print_table(("dataset id", "name"), [(each.id, each.name) for each in datasets])
    only = str(datasets[0].id) if len(datasets) == 1 else ""
    return str(typer.prompt("Dataset id, or empty", default=only, err=True)).strip()
