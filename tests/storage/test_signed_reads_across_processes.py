"""Signed objects in other processes: pickled, after a fork, interrupted."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from nearline.storage.resolve import resolve
from nearline.testing import RangeServer, faults
from storage.forking import in_forked_child
from storage.handed_in import CONTENT, body

SECRET = "Zx9secretZx9"


def test_pickles_hold_credentials_only_if_the_user_passed_them(
    moto_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = moto_server.make_bucket()
    moto_server.put(bucket, "k", b"content")
    endpoint = {"endpoint_url": moto_server.endpoint}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "found")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    found = resolve(f"s3://{bucket}/k", storage_options=endpoint)
    assert body(found.read(0, 3)) == b"con"
    assert found.signed
    pickled = pickle.dumps(found)
    assert SECRET.encode() not in pickled
    assert body(pickle.loads(pickled).read(0, 3)) == b"con"
    passed = resolve(f"s3://{bucket}/k", storage_options={**endpoint, "key": "k", "secret": "s3"})
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    again = pickle.loads(pickle.dumps(passed))
    assert body(again.read(0, 3)) == b"con"
    assert again.identity == passed.identity


@pytest.mark.parametrize("name", ["moto_server", "radosgw"])
def test_in_a_forked_child_s3_is_read_another_way(
    name: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(name)
    bucket = server.make_bucket()
    server.put(bucket, "k.dcm", CONTENT)
    source = resolve(server.url(bucket, "k.dcm"), storage_options=server.storage_options)
    body(source.read(0, 100))
    said = in_forked_child(lambda: body(source.read(5, 9)).hex())
    assert bytes.fromhex(said) == CONTENT[5:9]
    other = resolve(server.url(bucket, "k.dcm"), storage_options=server.storage_options)
    said = in_forked_child(lambda: body(other.read(5, 9)).hex())
    assert bytes.fromhex(said) == CONTENT[5:9]


def test_in_a_forked_child_other_stores_raise_and_name_the_remedy(moto_server: Any) -> None:
    bucket = moto_server.make_bucket("googlefork")
    moto_server.put(bucket, "k", CONTENT)
    options = {"token": {"access_token": SECRET}, "endpoint_url": moto_server.endpoint}
    source = resolve(f"gs://{bucket}/k", storage_options=options)
    body(source.read(0, 100))
    said = in_forked_child(lambda: body(source.read(5, 9)).hex())
    assert said.startswith("UnsafeAfterFork: ")
    assert "spawn" in said
    assert "forkserver" in said
    # The parent goes on.
    assert body(source.read(5, 9)) == CONTENT[5:9]


def test_a_child_forked_before_any_signed_read_reads(moto_server: Any) -> None:
    bucket = moto_server.make_bucket("googlebefore")
    moto_server.put(bucket, "k", CONTENT)
    program = f"""
        import os
        from nearline.storage.resolve import resolve
        options = {{"token": {{"access_token": "t"}}, "endpoint_url": {moto_server.endpoint!r}}}
        source = resolve("gs://{bucket}/k", storage_options=options)
        child = os.fork()
        answer = source.read(1, 4)
        assert b"".join(bytes(c) for c in answer.chunks) == bytes([1, 2, 3])
        if child:
            assert os.waitpid(child, 0)[1] == 0
    """
    run(program)


def run(program: str, *, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_ctrl_c_ends_a_read_that_waits() -> None:
    with RangeServer({"/bucket/k": CONTENT}) as server:
        server.misbehave("/bucket/k", faults.stall())
        program = f"""
            import os, signal, threading, time
            from nearline.storage.resolve import resolve
            options = {{"key": "k", "secret": "s", "endpoint_url": {server.url("")!r}}}
            source = resolve("s3://bucket/k", storage_options=options)
            threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
            begun = time.monotonic()
            try:
                source.read(0, 100, timeout=30)
            except KeyboardInterrupt:
                assert time.monotonic() - begun < 10
            else:
                raise SystemExit("not interrupted")
        """
        run(program, timeout_s=60)
