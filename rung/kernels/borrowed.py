"""Arrays that compiled code does not count."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array


@intrinsic
def borrowed(context: Any, a: Any) -> Any:
    """The array as a view without a reference count.

    Compiled functions count the references to each array they are handed with two atomic
    operations a call, which can be most of the time of small functions. A kernel called from
    Python may go on with views, since the caller keeps the arrays alive.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, args[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        return view._getvalue()

    return a(a), generate


@intrinsic
def flat(context: Any, a: Any) -> Any:
    """A contiguous matrix as a vector, without a reference count; compiles faster than reshape."""
    vector = types.Array(a.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        matrix = context.make_array(signature.args[0])(context, builder, args[0])
        out = context.make_array(vector)(context, builder)
        populate_array(
            out,
            data=matrix.data,
            shape=[matrix.nitems],
            strides=[matrix.itemsize],
            itemsize=matrix.itemsize,
            meminfo=None,
        )
        return out._getvalue()

    return vector(a), generate


def _same(a: Any) -> Any:
    return a


borrowed.py_func = _same  # what `plain` puts in its place

__all__ = ["borrowed", "flat"]
