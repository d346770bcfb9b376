"""Access keys: who may use the platform. Secrets are encrypted at rest, as checking a signature takes the secret."""

import os
import secrets
import time
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from pipelines.errors import ConfigError, DarkroomError
from pipelines.platform.config import KeysConfig
from pipelines.platform.database import open_database
from pipelines.platform.tables import AccessKey

KEY_FILE = "secret.key"
ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def open_vault(home: Path) -> Fernet:
    """Return what encrypts secrets, with the key file in home that only its owner reads; made where there is none."""
    file = home / KEY_FILE
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if file.stat().st_mode & 0o077:
            raise ConfigError(f"{file} can be read by others; chmod 600 it, and make new access keys") from None
        return Fernet(file.read_bytes())
    with os.fdopen(descriptor, "wb") as new:
        new.write(key := Fernet.generate_key())
    return Fernet(key)


def manage_keys(config: KeysConfig) -> dict[str, Any]:
    """Make or delete an access key; without either, list them all without their secrets.

    Raises:
        ConfigError: the key to delete does not exist.
    """
    home = Path(config.home)
    vault = open_vault(home)
    engine = open_database(config.database or f"sqlite:///{home / 'platform.db'}")
    with Session(engine) as session, session.begin():
        if config.create:
            return create_key(session, vault, config.create)
        if config.delete:
            found = session.get(AccessKey, config.delete)
            if found is None:
                raise ConfigError(f"delete={config.delete}: there is no such access key")
            session.delete(found)
            return {"deleted": config.delete}
        rows = session.scalars(select(AccessKey).order_by(AccessKey.created_at))
        return {"keys": [{"access_key_id": row.access_key_id, "user": row.user} for row in rows]}


def create_key(session: Session, vault: Fernet, user: str) -> dict[str, str]:
    """Make an access key; its secret is in the answer and can be read nowhere else."""
    key_id = "AKIA" + "".join(secrets.choice(ID_LETTERS) for _ in range(16))
    secret = secrets.token_urlsafe(30)
    encrypted = vault.encrypt(secret.encode()).decode()
    session.add(AccessKey(access_key_id=key_id, user=user, secret=encrypted, created_at=time.time()))
    return {"user": user, "access_key_id": key_id, "secret_access_key": secret}


def secret_of(engine: Engine, vault: Fernet, key_id: str) -> str | None:
    """Return the secret of an access key, None if there is no such key.

    Raises:
        DarkroomError: it was encrypted with another key file.
    """
    with Session(engine) as session:
        found = session.get(AccessKey, key_id)
    try:
        return vault.decrypt(found.secret.encode()).decode() if found else None
    except InvalidToken as error:
        raise DarkroomError(f"{KEY_FILE} does not fit the access key {key_id}; make new keys") from error
