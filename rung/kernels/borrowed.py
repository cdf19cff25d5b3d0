"""Arrays that compiled code does not count."""

from __future__ import annotations

from typing import Any

from numba.core import cgutils
from numba.extending import intrinsic, overload


def borrowed(a: Any) -> Any:
    """The array itself; in compiled code a view without a reference count.

    Compiled functions count the references to each array they are handed with two atomic
    operations a call, which can be most of the time of small functions. A kernel called from
    Python may go on with views, since the caller keeps the arrays alive.
    """
    return a


@intrinsic
def _uncounted(context: Any, a: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, args[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        return view._getvalue()

    return a(a), generate


@overload(borrowed)
def _borrowed(a: Any) -> Any:
    def view(a: Any) -> Any:
        return _uncounted(a)

    return view


__all__ = ["borrowed"]
