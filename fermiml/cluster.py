"""Clusters: dask's workers on this machine, at an address, or from a batch system.

Functions and data travel between dask's processes as pickles, so whoever can reach a scheduler can
run code there: it has to be one's own (docs/scaling.md).
"""

import logging
import math
import pickle
import re
import shutil
import time
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path

from fermiml import __version__, schema, workers
from fermiml.errors import FermimlError, InputError, type_and_message
from fermiml.schema import REQUIRED, Key, list_of, number, one_of, text, whole
from fermiml.yamlfile import read_settings

log = logging.getLogger(__name__)
_BATCH = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster",
          "htcondor": "HTCondorCluster"}  # fmt: skip
_ADDRESS = re.compile(r"(tcp|tls|ucx)://[^\s/]+:\d+")
_LOCAL = re.compile(r"local:(\d{1,4})")
_LOOPBACK = "127.0.0.1:0"
_UNREACHABLE = 10.0  # s after which nobody answers at an address
_PATIENCE = 60.0  # s for the first worker where none has to be queued for
_COUNTED = 5.0  # s after which workers are counted again
_SCHEMA = {
    "kind": Key(REQUIRED, one_of("local", *_BATCH, "ssh"), f"local, {', '.join(_BATCH)} or ssh"),
    "workers": Key(REQUIRED, whole(1, 100_000), "how many processes"),
    "cores": Key(1, whole(1, 4096)),  # of a job, or of a host: each has a worker
    "memory": Key(None, text),  # of a job, as "32 GB"
    "walltime": Key(None, text),
    "queue": Key(None, text),
    "account": Key(None, text),
    "disk": Key(None, text),  # of a job; HTCondor wants it
    "setup": Key([], list_of(text)),  # lines of shell before a worker starts
    "directives": Key([], list_of(text)),  # more lines for the head of the job's script
    "hosts": Key([], list_of(text)),  # for ssh; the scheduler runs on the first
    "python": Key(None, text),  # that starts the workers
    "interface": Key(None, text),  # of the network, as ib0
    "dashboard": Key(None, text),  # where to show it, as 127.0.0.1:8787
    "patience": Key(3600.0, number(above=0)),  # s until the first worker is there
}
_PASSED = ("memory", "walltime", "queue", "account", "disk", "python", "interface")


def check(cluster):
    """Return the text of a cluster (``--cluster``), if it is one."""
    if not _ADDRESS.fullmatch(cluster):
        _settings(cluster)
    return cluster


def _settings(cluster):
    local = _LOCAL.fullmatch(cluster)
    if local:
        number_of = {"kind": "local", "workers": int(local[1]), "patience": _PATIENCE}
        return schema.check(_SCHEMA, number_of)
    path = Path(cluster).expanduser()
    if path.suffix not in (".yaml", ".yml"):
        raise InputError(
            f"cluster {cluster!r}: give local:N, the address of a scheduler (tcp://host:port), or "
            "a YAML file"
        )
    return read_settings(path, "a cluster", lambda given: schema.check(_SCHEMA, given))


@contextmanager
def connect(cluster):
    """Start a cluster, or find the one at an address; yield its executor."""
    distributed = _module("distributed")
    with ExitStack() as stack:
        stack.enter_context(_large_tasks())
        _quieten()
        where, patience = cluster, _PATIENCE
        if not _ADDRESS.fullmatch(cluster):
            settings = _settings(cluster)
            patience = settings["patience"]
            where = stack.enter_context(_started(cluster, settings))
        client = stack.enter_context(_client(distributed, cluster, where))
        _wait(client, cluster, patience)
        _check_versions(client, cluster)
        client.register_plugin(_preparation(distributed))
        yield ClusterExecutor(client, patience)


class ClusterExecutor(Executor):
    """The executor of a dask client, with the current number of workers."""

    def __init__(self, client, patience):
        self._client, self._executor = client, client.get_executor(pure=False)
        self._patience, self._workers = patience, 0
        self._counted, self._seen = -math.inf, time.monotonic()

    @property
    def in_flight(self):
        """Two tasks for each worker, so that none has to wait for its next one."""
        if time.monotonic() > self._counted + _COUNTED:
            self._count()
        return 2 * max(1, self._workers)

    def _count(self):
        self._counted = time.monotonic()
        with suppress(OSError):  # the scheduler is gone: the tasks in flight will say so
            self._workers = sum(self._client.nthreads().values())
        if self._workers:
            self._seen = self._counted

    def check(self):
        """Raise an error if all workers have gone and none has come back for a while."""
        self._count()
        if time.monotonic() > self._seen + self._patience:
            raise FermimlError(
                f"the cluster has had no workers for {self._patience:g} s (their time may have run "
                "out): run the same again, which resumes from the finished pieces"
            )

    def submit(self, function, /, *args, **kwargs):
        """Return the future of a call.

        It travels as bytes: what a worker cannot unpickle fails there as any task does, and
        does not take the worker along. By value, tasks outlive the worker that has them.
        """
        return self._executor.submit(_call, pickle.dumps((function, args, kwargs), protocol=5))


def _call(packed):
    function, args, kwargs = pickle.loads(packed)  # sent by `submit`, from our own process
    return function(*args, **kwargs)


def _module(name, package="fermiml[cluster]"):
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"--cluster needs {name} ({error}): install it with pip install '{package}'"
        ) from None


def _large_tasks():
    """Let dask send cut-outs of a cube without a warning."""
    return _module("dask").config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})


def _quieten():
    """Tell what happens in a cluster in our own messages only, unless everything is asked for.

    For good, as dask speaks until the end of the process.
    """
    if not log.isEnabledFor(logging.DEBUG):
        for name in ("distributed", "distributed.client", "distributed.nanny", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def _client(distributed, cluster, where):
    try:
        client = distributed.Client(where, timeout=_UNREACHABLE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"cluster {cluster}: no scheduler answers there ({type_and_message(error)})"
        ) from error
    try:
        yield client
    finally:
        client.close(timeout=2)


def _wait(client, cluster, patience):
    try:
        client.wait_for_workers(1, timeout=patience)
    except TimeoutError:
        raise InputError(f"cluster {cluster}: no worker started within {patience:g} s") from None


def _version():
    return __version__


def _check_versions(client, cluster):
    """Refuse workers that would compute something else."""
    try:
        found = set(client.run(_version).values())
    except Exception as error:  # whatever stands in the way of an import
        raise InputError(
            f"cluster {cluster}: a worker cannot import fermiml ({type_and_message(error)}); "
            f"install fermiml {__version__} where the workers run"
        ) from error
    if found != {__version__}:
        raise InputError(
            f"cluster {cluster}: the workers have fermiml {', '.join(sorted(found))}, this is "
            f"{__version__}; install the same version everywhere"
        )


def _preparation(distributed):
    """Build what dask calls in every worker, also in those that come later."""

    class _Preparation(distributed.WorkerPlugin):
        name = "fermiml"

        def setup(self, worker):
            workers.prepare()

    return _Preparation()


@contextmanager
def _started(cluster, settings):
    """Start a cluster of one's own for the length of a block."""
    try:
        started = _START.get(settings["kind"], _batch)(settings)
    except InputError as error:
        raise InputError(f"cluster {cluster}: {error}") from None
    except Exception as error:  # whatever dask and the batch system do
        raise InputError(
            f"cluster {cluster}: cannot be started ({type_and_message(error)})"
        ) from error
    with started:
        yield started


def _local(settings):
    distributed = _module("distributed")
    return distributed.LocalCluster(
        n_workers=settings["workers"], threads_per_worker=1, processes=True,
        dashboard_address=settings["dashboard"] or _LOOPBACK, silence_logs=logging.CRITICAL,
    )  # fmt: skip


def _ssh(settings):
    _module("asyncssh", "asyncssh")
    hosts = settings["hosts"]
    if not hosts:
        raise InputError("hosts is missing: a list of names")
    return _module("distributed").SSHCluster(
        [hosts[0], *hosts],
        worker_options={"nthreads": 1, "n_workers": settings["cores"]},
        scheduler_options={"port": 0, "dashboard_address": settings["dashboard"] or _LOOPBACK},
        remote_python=settings["python"],
    )  # fmt: skip


def _batch(settings):
    """Start jobs of a batch system, with as many workers as they have cores."""
    kind = getattr(_module("dask_jobqueue"), _BATCH[settings["kind"]])
    submit = kind.job_cls.submit_command.split()[0]
    if shutil.which(submit) is None:
        raise InputError(f"{submit} was not found: start this on a machine that submits jobs")
    given = {name: settings[name] for name in _PASSED if settings[name] is not None}
    if settings["kind"] == "lsf" and "account" in given:
        given["project"] = given.pop("account")
    started = kind(
        cores=settings["cores"], processes=settings["cores"],
        job_script_prologue=settings["setup"], job_extra_directives=settings["directives"],
        scheduler_options={"dashboard_address": settings["dashboard"] or _LOOPBACK},
        **given,
    )  # fmt: skip
    started.scale(settings["workers"])
    return started


_START = {"local": _local, "ssh": _ssh}
