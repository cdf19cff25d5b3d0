"""One thread for linear algebra, and all of them again afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import scipy.linalg  # noqa: F401 - brings its own library
from threadpoolctl import threadpool_info

from rung.core.blas import one_thread


def threads():
    return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]


def test_threads_come_back():
    before = threads()
    with one_thread():
        assert min(threads()) == 1
        with one_thread():
            pass
        assert min(threads()) == 1
    assert threads() == before
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert threads() == before


def test_overlapping_threads_restore_what_was_before_all_of_them():
    before, meet = threads(), Barrier(2, timeout=10)

    def first():
        with one_thread():
            meet.wait()  # both are inside
            meet.wait()

    def second():
        meet.wait()
        with one_thread():
            meet.wait()
        return

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(first), pool.submit(second)]:
            job.result()
    assert threads() == before
