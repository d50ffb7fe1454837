"""Stores configurations of the command line, tokens included, as profiles in a private file."""

from __future__ import annotations

import configparser
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path

import typer

from haut_ext import ConfigError, private_files
from haut_ext.regular_files import check_private, open_regular

DEFAULT = "default"
VARIABLES = {
    "token": "HAUT_TOKEN",
    "company_id": "HAUT_COMPANY_ID",
    "dataset_id": "HAUT_DATASET_ID",
    "base_url": "HAUT_BASE_URL",
}
"""Keys of a profile, and the environment variables that have the same meaning."""
_MAX_SIZE = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def path() -> Path:
    """Return the path of the file with the profiles."""
    return Path(typer.get_app_dir("haut")) / "profiles.ini"


def select(name: str) -> None:
    """Use a profile in this process, as if `HAUT_PROFILE` was set."""
    os.environ["HAUT_PROFILE"] = name


def selected() -> str | None:
    """Return the name of the profile that is selected by `--profile` or `HAUT_PROFILE`.

    Raises:
        ConfigError: If it contains other characters than letters, digits, `_`, `.` and `-`.
    """
    name = os.environ.get("HAUT_PROFILE", "").strip() or None
    if name is not None and not _NAME.fullmatch(name):
        raise ConfigError(
            "the name of a profile can contain up to 64 letters, digits, and the characters _ . -"
        )
    return name


def configuration() -> Mapping[str, str]:
    """Return the environment variables to configure a client with.

    These are the variables of the process or those of a profile, but never a mixture, with which
    data could get to the wrong account. If neither is selected, the default profile is used.

    Raises:
        ConfigError: If nothing is configured, if a profile is selected although variables are set,
            or if the profile does not exist or cannot be read.
    """
    named, present = selected(), _variables_set()
    if named and present:
        raise ConfigError(
            f"the profile {named!r} cannot be combined with {', '.join(present)}. Unset "
            f"{'it' if len(present) == 1 else 'them'}, or do not name a profile"
        )
    if present:
        return os.environ
    values = load().get(named or DEFAULT)
    if values is None:
        if named:
            raise ConfigError(f"there is no profile {named!r} in {path()}. Run haut login")
        raise ConfigError(
            "no configuration. Run haut login, or set HAUT_TOKEN or HAUT_TOKEN_FILE (a private token "
            "from the SaaS portal), HAUT_COMPANY_ID and HAUT_DATASET_ID"
        )
    return {VARIABLES[key]: value for key, value in values.items() if key in VARIABLES}


def source() -> str:
    """Return where the configuration is read from, for messages."""
    if _variables_set():
        return "environment variables"
    return f"the profile {selected() or DEFAULT!r} in {path()}"


def in_use() -> str | None:
    """Return the name of the profile that commands are configured by, if it exists."""
    try:
        name = selected() or DEFAULT
        return name if not _variables_set() and name in load() else None
    except ConfigError:
        return None


def _variables_set() -> list[str]:
    variables = [*VARIABLES.values(), "HAUT_TOKEN_FILE"]
    return [name for name in variables if os.environ.get(name, "").strip()]


def load() -> dict[str, dict[str, str]]:
    """Return the profiles by name. The result is empty if the file does not exist.

    Raises:
        ConfigError: If the file cannot be read, if other users can read it, or if it is invalid.
    """
    file_path = path()
    try:
        with open_regular(file_path, follow_links=False) as file:
            check_private(file)
            content = file.read(_MAX_SIZE + 1)
        if len(content) > _MAX_SIZE:
            raise ConfigError(f"{file_path} is too large")
        parser = _parser()
        parser.read_string(content.decode("utf-8-sig"))  # with or without a byte order mark
    except FileNotFoundError:
        return {}
    except configparser.Error:  # its message contains lines of the file, and so can contain a token
        raise ConfigError(f"{file_path} is not a valid INI file. Correct or delete it") from None
    except OSError as error:
        raise ConfigError(f"{file_path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file_path} cannot be read: it is not text") from None
    except ValueError as error:
        raise ConfigError(f"{file_path} cannot be read: {error}") from None
    return {name: dict(parser[name]) for name in parser.sections()}


def store(name: str, values: Mapping[str, str] | None) -> None:
    """Add or replace a profile in the file, which only its owner can read, or delete it.

    Another process may do the same at the same time (not on Windows).

    Args:
        name: Name of the profile.
        values: The profile, or None to delete it.

    Raises:
        ConfigError: If the file cannot be read, or is invalid.
        OSError: If the file cannot be written.
    """
    path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    open_regular(path(), flags=os.O_CREAT, follow_links=False).close()
    with private_files.locked(path()):
        stored = load()
        stored.pop(name, None)
        parser, text = _parser(), io.StringIO()
        parser.read_dict(stored if values is None else {**stored, name: values})
        parser.write(text)
        private_files.replace(path(), text.getvalue())


def _parser() -> configparser.ConfigParser:
    # No section has default values for others, and % is an ordinary character.
    return configparser.ConfigParser(interpolation=None, default_section="")
