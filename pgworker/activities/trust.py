"""Which certificates are trusted where TLS is spoken; that they are verified cannot be turned off."""

from __future__ import annotations

import ssl

from pgworker.activities.policy import HttpPolicy
from pgworker.errors import SettingsError


def trusted(policy: HttpPolicy) -> ssl.SSLContext | None:
    """The certificates that the policy names, None for the system's; raises ``SettingsError``."""
    if policy.ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(policy.ca_file))
    except OSError as error:
        raise SettingsError(
            f"the certificates in {policy.ca_file} cannot be read: {error}",
            hint="PGWORKER_CA_FILE names a file of PEM certificates",
        ) from error
