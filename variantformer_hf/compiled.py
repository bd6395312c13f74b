"""The compiler of kernels, numba, where it is installed (the extra ``fast``); without it nothing is compiled.

Modules of kernels import this at their top; others import those modules inside functions, so that numba is loaded only
when something is to be computed. Tables and kernels that a kernel takes from another module are compiled into it, and
numba's cache on disk looks at the kernel's own file alone: whoever changes those touches that file, too.
"""

__all__ = ["HAS_NUMBA", "njit"]

try:
    from numba import njit

    HAS_NUMBA = True
except ImportError:
    HAS_NUMBA = False

    def njit(*_: object, **__: object):  # type: ignore[no-untyped-def]
        """Leave functions as they are: without numba they are not called."""
        return lambda function: function
