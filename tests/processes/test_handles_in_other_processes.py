"""Handles that a parent has read through work in processes of any kind, over one cache."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from distributed import Client, LocalCluster

import nearline as nl
from processes.conftest import open_kind
from processes.work import DIGESTS, Patches, loader_worker, outcome

SOON_S = 100
METHODS = ["spawn", "forkserver", "fork"]
KINDS = list(DIGESTS)


@pytest.fixture
def handles(at):
    """Every kind, opened, and read from."""
    found = {kind: open_kind(kind, at(kind)) for kind in KINDS}
    expected = {kind: outcome(kind, handle) for kind, handle in found.items()}
    assert not [said for said in expected.values() if ":" in said]
    return found, expected


def tasks(handles):
    return [(kind, handles[0][kind]) for kind in KINDS for _ in range(2)]


def check(found, handles):
    assert found == [handles[1][kind] for kind in KINDS for _ in range(2)]


@pytest.mark.parametrize("method", METHODS)
def test_multiprocessing_pool(handles, web, method):
    web.clear_log()
    with multiprocessing.get_context(method).Pool(2) as pool:
        check(pool.starmap_async(outcome, tasks(handles)).get(SOON_S), handles)
    # The parent has fetched everything: the cache is shared, and handles ask for no new version.
    assert not web.requests


@pytest.mark.parametrize("method", METHODS)
def test_what_a_worker_fetches_the_parent_need_not(at, web, method):
    images = [nl.imread(at("image")) for _ in range(2)]
    images[0].pixels[:10, :10]
    with multiprocessing.get_context(method).Pool(1) as pool:
        said = pool.apply_async(outcome, ("image", images[0])).get(SOON_S)
        pool.close()
        pool.join()
    web.clear_log()
    assert outcome("image", images[1]) == said
    assert not web.requests


@pytest.mark.parametrize("method", METHODS)
def test_process_pool_executor(handles, method):
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        kinds, given = zip(*tasks(handles), strict=True)
        check(list(pool.map(outcome, kinds, given, timeout=SOON_S)), handles)


def test_workers_of_dask(handles):
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        futures = [client.submit(outcome, *one, pure=False) for one in tasks(handles)]
        check([future.result(SOON_S) for future in futures], handles)


@pytest.mark.parametrize("method", METHODS)
def test_workers_as_torchs_data_loader_has_them(at, method):
    """The parent opens and reads; its workers get the dataset and serve indices, two epochs."""
    image = nl.imread(at("image"))
    corners = [(top, left) for top in range(0, 800, 160) for left in range(0, 600, 150)]
    dataset = Patches(image, corners)
    expected = [dataset[index] for index in range(len(dataset))]
    context = multiprocessing.get_context(method)
    for _ in range(2):
        results = context.Queue()
        queues = [context.Queue() for _ in range(2)]
        workers = [
            context.Process(target=loader_worker, args=(dataset, indices, results), daemon=True)
            for indices in queues
        ]
        for worker in workers:
            worker.start()
        for index in range(len(dataset)):
            queues[index % 2].put(index)
        found = dict(results.get(timeout=SOON_S) for _ in corners)
        for indices, worker in zip(queues, workers, strict=True):
            indices.put(None)
            worker.join(SOON_S)
            assert worker.exitcode == 0
        for index, patch in found.items():
            np.testing.assert_array_equal(patch, expected[index])
        image.pixels[500:510, 500:510]


def test_a_fork_while_regions_are_read_on(at):
    """Children are forked in the middle of a `read_regions` of the parent; both end well."""
    image = nl.imread(at("image"))
    regions = [(image, (top, top + 50), (0, 300)) for top in range(0, 850, 10)]
    stream = nl.read_regions(regions)
    next(stream)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        said = pool.starmap_async(outcome, [("image", image)] * 4)
        assert len(list(stream)) == len(regions) - 1
        assert set(said.get(SOON_S)) == {outcome("image", image)}


def test_regions_are_read_in_a_forked_child(at):
    url = at("image")
    regions = [(url, (top, top + 50), (0, 300)) for top in range(0, 850, 10)]
    expected = dict(nl.read_regions(regions))
    receive, send = multiprocessing.Pipe(duplex=False)

    def work():
        send.send(dict(nl.read_regions(regions)))

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    assert receive.poll(SOON_S)
    found = receive.recv()
    child.join(SOON_S)
    assert child.exitcode == 0
    for number, pixels in expected.items():
        np.testing.assert_array_equal(found[number], pixels)


# --- objects that are read with credentials ------------------------------------------


@pytest.fixture(params=["moto_server", "gcs_emulator"])
def signed(request, objects):
    server = request.getfixturevalue(request.param)
    bucket = server.make_bucket()
    server.put(bucket, "image.dcm", objects["image"].read_bytes())
    return server.url(bucket, "image.dcm"), server.storage_options


@pytest.mark.parametrize("kind", ["image", "file", "reader"])
def test_signed_objects_in_new_processes(signed, kind):
    url, options = signed
    handle = open_kind(kind, url, storage_options=options)
    expected = outcome(kind, handle)
    assert ":" not in expected
    for method in ("spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.apply_async(outcome, (kind, handle)).get(SOON_S) == expected


@pytest.mark.parametrize("cache", ["off", "memory", "disk"])
def test_signed_objects_after_a_fork_are_read_or_refused_at_once(signed, cache):
    url, options = signed
    with nl.settings(cache=cache):
        handle = nl.imread(url, storage_options=options)
    handle.pixels[800:900, 600:700]
    with multiprocessing.get_context("fork").Pool(1) as pool:
        said = pool.apply_async(outcome, ("image", handle)).get(SOON_S)
    if "UnsafeAfterFork" in said:
        assert "forkserver" in said
    else:
        assert said == outcome("image", handle)


def test_unsigned_objects_of_a_store_after_a_fork(moto_server, objects):
    bucket = moto_server.make_bucket(public=True)
    moto_server.put(bucket, "image.dcm", objects["image"].read_bytes())
    options = {"anon": True, "endpoint_url": moto_server.endpoint}
    handle = nl.imread(moto_server.url(bucket, "image.dcm"), storage_options=options)
    handle.pixels[800:900, 600:700]
    with multiprocessing.get_context("fork").Pool(1) as pool:
        said = pool.apply_async(outcome, ("image", handle)).get(SOON_S)
    assert said == outcome("image", handle)
