"""nginx: one folder of files, served well and in several worse ways."""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote
from urllib.request import urlopen

from nearline.testing import LoggedRequest, longest_chain, max_concurrency
from servers.daemon import Daemon, free_port, require

__all__ = ["Nginx", "nginx"]

Location = Literal["plain", "norange", "noetag", "auth", "slow", "gzip", "redirect", "broken"]

_USER, _PASSWORD = "reader", "open sesame"

_CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    log_format told escape=json '{{"end": $msec, "took": $request_time, "method": '
        '"$request_method", "target": "$request_uri", "status": $status, '
        '"sent": $body_bytes_sent, "range": "$http_range", "connection": $connection}}';
    access_log {folder}/access.log told;
    default_type application/octet-stream;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 100000;
    client_body_temp_path {folder}/t1;
    proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/key.pem;
        location /plain/ {{ alias {folder}/files/; }}
        location /norange/ {{ alias {folder}/files/; max_ranges 0; }}
        location /noetag/ {{ alias {folder}/files/; etag off; }}
        location /auth/ {{
            alias {folder}/files/;
            auth_basic files;
            auth_basic_user_file {folder}/passwords;
        }}
        location /slow/ {{ alias {folder}/files/; limit_rate 200k; }}
        location /gzip/ {{ alias {folder}/files/; gzip on; gzip_types *; gzip_min_length 1; }}
        location /redirect/ {{ rewrite ^/redirect/(.*)$ /plain/$1 redirect; }}
        location /broken/ {{ return 503; }}
        location /mark/ {{ return 204; }}
    }}
}}
"""


@dataclass
class Nginx:
    """The running server.

    Attributes
    ----------
    port, tls_port : int
        On 127.0.0.1.
    folder : Path
        Private to the server; what it serves is in ``files``.
    user, password : str
        For the location "auth".
    """

    folder: Path
    port: int
    tls_port: int
    user: str = _USER
    password: str = _PASSWORD
    _read_from: int = 0
    _marks: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def endpoint(self) -> str:
        """URL of the server, without TLS."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        """The authority that signed the server's certificate (itself)."""
        return self.folder / "certificate.pem"

    def put(self, key: str, data: bytes | Path) -> Path:
        """Store a file; return where it lies."""
        target = self.folder / "files" / key
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, Path):
            shutil.copyfile(data, target)
        else:
            target.write_bytes(data)
        return target

    def url(self, key: str, location: Location = "plain", *, tls: bool = False) -> str:
        """Return the URL of a file, served the given way."""
        base = f"https://localhost:{self.tls_port}" if tls else self.endpoint
        return f"{base}/{location}/{quote(key)}"

    # --- what it saw ------------------------------------------------------

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests since `clear_log`, from the access log; times in whole milliseconds."""
        lines = self._lines()[self._read_from :]
        told = [json.loads(line) for line in lines if '"/mark/' not in line]
        spans = [(one["end"] - one["took"], one["end"]) for one in told]
        return [
            LoggedRequest(
                number=number,
                method=one["method"],
                target=one["target"],
                path=unquote(one["target"].split("?")[0]),
                range=one["range"] or None,
                headers={},
                arrived=start,
                concurrent=sum(a <= start < b for a, b in spans),
                status=one["status"],
                first_byte=None,
                last_byte=end,
                sent=one["sent"],
            )
            for number, (one, (start, end)) in enumerate(zip(told, spans, strict=True), 1)
        ]

    @property
    def sent(self) -> int:
        """Body bytes sent since `clear_log`."""
        return sum(request.sent for request in self.requests)

    @property
    def max_concurrency(self) -> int:
        """The largest number of requests that were under way at once."""
        return max_concurrency(self.requests)

    def chain(self) -> list[LoggedRequest]:
        """Return the longest chain of requests that each began after the end of the one before."""
        return longest_chain(self.requests)

    def clear_log(self) -> None:
        """Forget the requests so far."""
        self._read_from = len(self._lines())

    def _lines(self) -> list[str]:
        # The worker logs in the order in which it finishes: once a mark is there, all is.
        mark = f"/mark/{next(self._marks)}"
        with urlopen(self.endpoint + mark) as answer:
            answer.read()
        while True:
            lines = (self.folder / "access.log").read_text().splitlines()
            if any(f'"{mark}"' in line for line in lines):
                return lines


def _certify(folder: Path) -> None:
    """Write a certificate for localhost and 127.0.0.1 that is its own authority, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)


@contextmanager
def nginx(folder: Path) -> Iterator[Nginx]:
    """Run nginx on two ports, with and without TLS."""
    require("nginx")
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    (folder / "files").mkdir(parents=True)
    (folder / "access.log").touch()
    _certify(folder)
    (folder / "passwords").write_text(f"{_USER}:{{PLAIN}}{_PASSWORD}\n")
    server = Nginx(folder, free_port(), free_port())
    configuration = folder / "nginx.conf"
    configuration.write_text(
        ("user root;\n" if os.geteuid() == 0 else "")
        + _CONFIGURATION.format(folder=folder, port=server.port, tls_port=server.tls_port)
    )
    command = [str(program), "-c", str(configuration), "-e", str(folder / "error.log")]
    with Daemon(command, folder / "nginx.out") as daemon:
        daemon.wait_for_port(server.port)
        yield server
