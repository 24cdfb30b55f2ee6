"""radosgw, the S3 server of Ceph: one monitor, one object store in memory, one gateway."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from servers.daemon import Daemon, free_port, require
from servers.s3 import S3Server

__all__ = ["radosgw"]

_MEMORY = 3 << 30


def _configuration(folder: Path, cluster: str, monitor: tuple[int, int], gateway: int) -> str:
    # Without cephx the gateway waits for ever; without tcp_nodelay each small answer takes 40 ms.
    return f"""
[global]
fsid = {cluster}
mon host = v2:127.0.0.1:{monitor[0]},v1:127.0.0.1:{monitor[1]}
mon initial members = a
public addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {folder}/keyring
run dir = {folder}/run
admin socket = {folder}/run/$name.$pid.asok
log file = {folder}/$name.log
mon data = {folder}/mon
osd data = {folder}/osd
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
osd objectstore = memstore
memstore device bytes = {_MEMORY}

[osd]
osd fast shutdown = true

[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:{gateway} tcp_nodelay=1
rgw data = {folder}/rgw
"""


class _Cluster:
    """The commands that set a cluster up, all under one configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "ceph.conf"
        self.log = folder / "setup.log"

    def run(self, *command: str, timeout_s: float = 60) -> str:
        with self.log.open("a") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                check=False,
                timeout=timeout_s,
                env={**os.environ, "CEPH_CONF": str(self.configuration)},
            )
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{self.log.read_text()[-3000:]}")
        return done.stdout

    def ceph(self, *words: str) -> str:
        return self.run("ceph", "-c", str(self.configuration), "--connect-timeout", "30", *words)

    def keys(self) -> None:
        """Make the keyring of everybody."""
        keyring = str(self.folder / "keyring")
        everything = {"mon": "allow *", "osd": "allow *", "mgr": "allow *"}
        who = {
            "mon.": {"mon": "allow *"},
            "client.admin": everything,
            "osd.0": {"mon": "allow *", "osd": "allow *"},
            "client.rgw.a": {"mon": "allow *", "osd": "allow *"},
        }
        self.run("ceph-authtool", "--create-keyring", keyring)
        for name, caps in who.items():
            words = [word for kind, cap in caps.items() for word in ("--cap", kind, cap)]
            self.run("ceph-authtool", keyring, "--gen-key", "-n", name, *words)

    def user(self, name: str) -> tuple[str, str]:
        """Make an S3 user; return access key and secret."""
        made = self.run(
            *("radosgw-admin", "-c", str(self.configuration), "user", "create"),
            *("--uid", name, "--display-name", name),
        )
        key = json.loads(made)["keys"][0]
        return key["access_key"], key["secret_key"]


@contextmanager
def radosgw() -> Iterator[S3Server]:
    """Run a cluster; it takes about 15 s to start and 250 MB."""
    require(
        *("ceph", "ceph-mon", "ceph-osd", "ceph-authtool", "monmaptool"),
        *("radosgw", "radosgw-admin"),
    )
    with ExitStack() as stack:
        # Sockets have short names only, and the folders of pytest are deep.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rgw-")))
        for name in ("mon", "osd", "rgw", "run"):
            (folder / name).mkdir()
        cluster, name = _Cluster(folder), str(uuid.uuid4())
        monitor, gateway = (free_port(), free_port()), free_port()
        text = _configuration(folder, name, monitor, gateway)
        cluster.configuration.write_text(text)
        options = ("-c", str(cluster.configuration))
        cluster.keys()
        address = f"[v2:127.0.0.1:{monitor[0]},v1:127.0.0.1:{monitor[1]}]"
        monmap, keyring = str(folder / "monmap"), str(folder / "keyring")
        cluster.run("monmaptool", "--create", "--addv", "a", address, "--fsid", name, monmap)
        cluster.run(
            "ceph-mon", *options, "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", keyring
        )

        def daemon(*command: str) -> Daemon:
            log = folder / f"{command[0]}.out"
            return stack.enter_context(Daemon([*command, *options, "-f"], log))

        daemon("ceph-mon", "-i", "a").wait_for_port(monitor[0])
        store = str(uuid.uuid4())
        cluster.ceph("osd", "create", store)
        cluster.ceph("auth", "import", "-i", keyring)
        cluster.run("ceph-osd", *options, "-i", "0", "--mkfs", "--osd-uuid", store)
        daemon("ceph-osd", "-i", "0")
        cluster.ceph("osd", "crush", "add", "osd.0", "1.0", "host=h", "root=default")
        daemon("radosgw", "-n", "client.rgw.a").wait_for_port(gateway, timeout_s=120)
        owner, stranger = cluster.user("owner"), cluster.user("stranger")
        yield S3Server("radosgw", gateway, *owner, stranger)
