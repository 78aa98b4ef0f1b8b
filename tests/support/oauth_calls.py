"""Calls that log in with tokens, in short."""

from __future__ import annotations

SECRET = "a secret: of more + than & 32 %20 bytes, ünïcode"
CLIENT = {"id": "runtime: one", "secret": SECRET}


def policy(authority, /, **members):
    return {
        "oauth2": {"authority": authority.url, "grant": "client_credentials", "client": {**CLIENT}, **members}
    }


async def get(http, authority, /, **members):
    return await http(authority.resource, authentication=policy(authority, **members))


async def fault(http, authority, /, **members):
    return await http.fault(authority.resource, authentication=policy(authority, **members))
