"""TLS: the certificate must belong to the host of the URI and come from a trusted authority."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from pgworker.activities.http import HttpCaller
from pgworker.activities.policy import HttpPolicy, parse_connect_to
from pgworker.errors import SettingsError
from tests.support.certificates import Authority
from tests.support.serving import serving


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "authority.pem")


@pytest.fixture
async def port(authority: Authority) -> AsyncIterator[int]:
    """Where a server has a certificate for api.test."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"host": request.host})

    application = web.Application()
    application.router.add_get("/", answer)
    async with serving(application, authority.context_for("api.test")) as port:
        yield port


async def test_a_moved_connection_still_checks_the_certificate_of_the_uris_host(authority, port, http):
    rules = parse_connect_to(f"api.test:443:127.0.0.1:{port},other.test:443:127.0.0.1:{port}")
    there = await http.under(HttpPolicy(connect_to=rules, ca_file=authority.file))
    assert await there("https://api.test/") == {"host": "api.test"}
    fault = await there.fault("https://other.test/")
    assert (fault.kind, fault.status) == ("communication", 500)
    assert "certificate of other.test:443 was not accepted" in fault.detail


async def test_a_certificate_of_an_unknown_authority_is_refused(port, http):
    there = await http.under(HttpPolicy(connect_to=parse_connect_to(f"api.test:443:127.0.0.1:{port}")))
    fault = await there.fault("https://api.test/")
    assert "certificate of api.test:443 was not accepted" in fault.detail


async def test_https_to_a_server_without_tls_fails(server, http):
    fault = await http.fault(server.url().replace("http:", "https:"))
    assert (fault.kind, fault.status) == ("communication", 500)
    assert "no TLS connection" in fault.detail


def test_a_ca_file_that_cannot_be_read_is_told_at_once(tmp_path):
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("rubbish")
    for path in (tmp_path / "missing.pem", rubbish):
        with pytest.raises(SettingsError) as caught:
            HttpCaller(HttpPolicy(ca_file=path))
        assert "PGWORKER_CA_FILE" in (caught.value.hint or "")
