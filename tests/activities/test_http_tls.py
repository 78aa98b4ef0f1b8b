"""TLS: the certificate must belong to the host of the URI and come from a trusted authority."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from pgworker.activities.http import HttpCaller
from pgworker.activities.policy import HttpPolicy, parse_connect_to
from pgworker.errors import SettingsError


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A certificate of its own making for api.test, with its key beside it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "cert.pem"
    subprocess.run(
        [
            openssl,
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            str(path.with_name("key.pem")),
            "-out",
            str(path),
            "-days",
            "2",
            "-subj",
            "/CN=api.test",
            "-addext",
            "subjectAltName=DNS:api.test",
        ],
        check=True,
        capture_output=True,
    )
    return path


@pytest.fixture
async def port(certificate: Path) -> AsyncIterator[int]:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"host": request.host})

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, certificate.with_name("key.pem"))
    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def test_a_moved_connection_still_checks_the_certificate_of_the_uris_host(certificate, port, http):
    rules = parse_connect_to(f"api.test:443:127.0.0.1:{port},other.test:443:127.0.0.1:{port}")
    there = await http.under(HttpPolicy(connect_to=rules, ca_file=certificate))
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
