"""A virtual environment for each peer, below the checkout; nothing of it mixes with ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.catalog import Peer

FOLDER = Path(__file__).resolve().parents[2] / ".peers"
_INSTALL_SECONDS = 300


class NotInstalledError(Exception):
    """A peer's environment could not be made; says why."""


def existing(peer: Peer) -> Path | None:
    """The Python of the peer's environment, if there is one that holds what is required now."""
    python, stamp = _paths(peer)
    wanted = peer.requirements.read_text()
    return python if stamp.is_file() and stamp.read_text() == wanted else None


def made(peer: Peer) -> Path:
    """The Python of the peer's environment, which is made anew if need be.

    Raises ``NotInstalledError``, as without a network.
    """
    if python := existing(peer):
        return python
    python, stamp = _paths(peer)
    shutil.rmtree(stamp.parent, ignore_errors=True)
    print(f"installing {peer.distribution} {peer.version} ...", file=sys.stderr)
    _run(peer, sys.executable, "-m", "venv", str(stamp.parent))
    _run(
        peer,
        *(str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary", ":all:", "--retries", "1", "--timeout", "20"),
        *("--requirement", str(peer.requirements)),
    )
    stamp.write_text(peer.requirements.read_text())
    return python


def _paths(peer: Peer) -> tuple[Path, Path]:
    return FOLDER / peer.name / "bin" / "python", FOLDER / peer.name / "installed.txt"


def _run(peer: Peer, *command: str) -> None:
    try:
        subprocess.run(
            command,
            # Someone's own pip settings for outside virtual environments would only get in the way.
            env=os.environ | {"PIP_USER": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise NotInstalledError(f"{peer.distribution} cannot be installed: {said.strip()[-300:]}") from error
