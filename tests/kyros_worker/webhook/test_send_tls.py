"""Sending over TLS: only to whom a certificate names."""

import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kyros_worker.webhook.send import Sender
from tests.kyros_worker.webhook.names import naming
from tests.kyros_worker.webhook.raw_server import BODY, HEADERS, LOOPBACK, Server, answering, run


def certificate(folder, name, *, days=30):
    """A self-signed certificate and its key, as a context of a server, and the file of the two."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=60))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file


@pytest.mark.parametrize(("trusted", "name", "days", "error"), [
    (False, "hook.example", 30, "The certificate is not valid: self"),
    (True, "other.example", 30, "The certificate is not valid: Hostname mismatch"),
    (True, "hook.example", -1, "The certificate is not valid: certificate has expired"),
    (True, "hook.example", 30, None),
])  # fmt: skip
def test_certificates_are_verified(tmp_path, trusted, name, days, error):
    context, file = certificate(tmp_path, name, days=days)
    tls = ssl.create_default_context(cafile=file) if trusted else None

    async def test():
        sender = Sender(LOOPBACK, resolve=naming("127.0.0.1"), tls=tls)
        async with Server(answering(), tls=context) as server:
            for _ in range(2):
                url = f"https://hook.example:{server.port}/"
                answer = await sender.send(url, HEADERS, BODY)
                if error is None:
                    assert (answer.status, answer.error) == (200, None)
                else:
                    assert answer.status is None
                    assert (answer.error or "").startswith(error)
            assert len(server.requests) == (0 if error else 2)
            assert error or server.connections == 1
            await sender.close()

    run(test)


def test_a_server_without_tls_is_told():
    async def handle(peer):
        await peer.reader.read(100)
        await peer.write(b"HTTP/1.1 400 No\r\n\r\n")

    async def test():
        sender = Sender(LOOPBACK)
        async with Server(handle) as server:
            answer = await sender.send(server.url.replace("http:", "https:"), HEADERS, BODY)
            assert (answer.status, answer.error) == (None, "No TLS connection could be made.")
            await sender.close()

    run(test)
