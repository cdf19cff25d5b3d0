"""One thread for linear algebra, and all of them again afterwards."""

from __future__ import annotations

import pytest
import scipy.linalg  # noqa: F401 - brings its own library
from threadpoolctl import threadpool_info, threadpool_limits

from rung.core.blas import one_thread


def threads():
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def _two():
    """Two threads, whatever the tests were started with."""
    with threadpool_limits(2, "blas"):
        assert threads() == {2}
        yield


def test_threads_come_back():
    with one_thread():
        assert threads() == {1}
        with one_thread():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == {2}
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert threads() == {2}


def test_who_overlaps_stays_in_one_thread_until_the_last_is_out():
    first, second = one_thread(), one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert threads() == {1}
    second.__exit__(None, None, None)
    assert threads() == {2}
