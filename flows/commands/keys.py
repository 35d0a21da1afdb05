"""creditloop keys."""

from contextlib import closing
from datetime import datetime

from rich.table import Table

from configs.settings import Settings, load_settings
from flows.commands.console import print_json, stderr, stdout
from flows.commands.errors import UsageError
from flows.commands.secret import KEY, read_token
from services.keys import authenticate, create_key
from services.ledger import ROLES, ApiKey, Ledger, Role, open_ledger


def create(owner: str, roles: list[str], json: bool) -> None:
    """Make a key and print its token, once."""
    chosen = _roles(roles)
    try:
        with closing(_open(load_settings())) as ledger:
            _check_admin(ledger)
            new = create_key(ledger, owner, chosen)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if json:
        print_json({"key": plain(new.key), "token": new.token})
        return
    stderr().print(
        f"Key {new.key.id} of {new.key.owner} may {', '.join(new.key.roles)}. It is shown this "
        f"once and kept nowhere; the owner sets it as {KEY}:",
        soft_wrap=True,
    )
    stdout().print(new.token, soft_wrap=True, markup=False)


def show(json: bool) -> None:
    """All keys, without what opens anything."""
    with closing(_open(load_settings())) as ledger:
        keys = ledger.list_keys()
    if json:
        print_json({"keys": [plain(key) for key in keys]})
    elif keys:
        stdout().print(_table(keys))
    else:
        stdout().print("There are no keys; `creditloop keys create --owner NAME --role ROLE`")


def revoke(key_id: str, json: bool) -> None:
    """End a key for good."""
    with closing(_open(load_settings())) as ledger:
        _check_admin(ledger)
        key = ledger.revoke_key(key_id)
    if json:
        print_json({"key": plain(key)})
    else:
        stdout().print(f"Key {key.id} of {key.owner} is revoked", markup=False)


def plain(key: ApiKey) -> dict[str, object]:
    """A key as JSON, without its hash."""
    return {
        "id": key.id,
        "owner": key.owner,
        "roles": list(key.roles),
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "revoked_at": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else None,
    }


def _open(settings: Settings) -> Ledger:
    return open_ledger(settings.ledger_uri)


def _check_admin(ledger: Ledger) -> None:
    """From the first admin key on, only an admin makes and ends keys."""
    if any("admin" in key.roles and not key.revoked_at for key in ledger.list_keys()):
        authenticate(ledger, read_token(), "admin")


def _roles(names: list[str]) -> tuple[Role, ...]:
    unknown = sorted(set(names) - set(ROLES))
    if unknown:
        raise UsageError(f"unknown role {', '.join(unknown)}; there are {', '.join(ROLES)}")
    return tuple(role for role in ROLES if role in names)


def _table(keys: list[ApiKey]) -> Table:
    table = Table("Key", "Owner", "May", "Since (UTC)", "Revoked (UTC)")
    for key in keys:
        table.add_row(
            key.id, key.owner, ", ".join(key.roles), _time(key.created_at), _time(key.revoked_at)
        )
    return table


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""
