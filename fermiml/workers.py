"""A process that does pieces of work: one thread, its own parameter files, a quiet end."""

import os
import shutil
import signal
import tempfile
from multiprocessing import util

from threadpoolctl import threadpool_limits

# Many small products gain nothing from more threads, and other workers have the other cores.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "FERMIML_JOBS",
               "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")  # fmt: skip


def prepare():
    """Make this process a worker, one of several on its machine."""
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    threadpool_limits(1, "blas")  # of libraries that are loaded already
    _own_parameter_files()


def prepare_quietly():
    """Make it one that ends without a word at Ctrl-C, which its parent handles."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    prepare()


def _own_parameter_files():
    """Have a folder for the parameter files of the Fermitools, where these are set up.

    Two tools that write the same file at the same time damage it.
    """
    system = os.environ.get("PFILES", "").rpartition(";")[2]
    if system:
        folder = tempfile.mkdtemp(prefix="fermiml-pfiles-")
        util.Finalize(None, shutil.rmtree, (folder, True), exitpriority=1)
        os.environ["PFILES"] = f"{folder};{system}"
