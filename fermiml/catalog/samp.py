"""Send a catalog to the programs on the desktop (TOPCAT, ds9, Aladin) over SAMP."""

import tempfile
import warnings
from pathlib import Path
from queue import Empty, SimpleQueue

from fermiml.catalog.export import export
from fermiml.errors import FermimlError

NO_HUB = (
    "no SAMP hub is running: start TOPCAT (which provides a hub), or connect ds9 to one "
    "(File > SAMP > Connect), and try again"
)
NO_RECEIVER = (
    "a SAMP hub is running, but no program on it takes tables: start TOPCAT, or connect ds9 "
    "(File > SAMP > Connect), and try again"
)
_TAG = "fermiml"  # of messages, by which their answers are known
# How a program can be given a catalog, best way first: ds9 draws regions, others read tables.
_WAYS = ("ds9.set", "table.load.fits", "table.load.votable")


def send(catalog, title="fermiml", timeout=60):
    """Send the catalog to every program on the hub that accepts one; return their names."""
    from astropy.samp import SAMPHubError, SAMPIntegratedClient
    from astropy.samp.errors import SAMPWarning

    client = SAMPIntegratedClient(
        name="fermiml", description="Gamma-ray source catalogs", addr="127.0.0.1"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAMPWarning)
        try:
            client.connect()
        except (SAMPHubError, ConnectionError) as error:
            raise FermimlError(NO_HUB) from error
    try:
        # The files are needed only until the programs say that they have read them.
        with tempfile.TemporaryDirectory(prefix="fermiml-") as folder:
            return _send_files(client, catalog, Path(folder), title, timeout)
    finally:
        client.disconnect()


def _send_files(client, catalog, folder, title, timeout):
    receivers = list(_receivers(client))
    if not receivers:
        raise FermimlError(NO_RECEIVER)
    names = []
    for receiver, name, way in receivers:
        message = _message(way, catalog, folder, title)
        try:
            answer = _answer(client, receiver, message, timeout)
        except Exception as error:  # what a foreign program or the hub answers is up to it
            raise FermimlError(f"{name} did not accept the catalog: {error}") from error
        if answer.get("samp.status") == "samp.error":
            reason = answer.get("samp.error", {}).get("samp.errortxt", "no reason given")
            raise FermimlError(f"{name} did not accept the catalog: {reason}")
        names.append(name)
    return names


def _answer(client, receiver, message, timeout):
    """Send a message and wait for the answer.

    astropy's hub loses the answer to its `call_and_wait` if that comes at once.
    """
    answers = SimpleQueue()
    client.bind_receive_response(_TAG, lambda _key, _sender, _tag, answer: answers.put(answer))
    client.call(receiver, _TAG, message)
    try:
        return answers.get(timeout=timeout)
    except Empty:
        raise TimeoutError(f"no answer within {timeout} s") from None


def _receivers(client):
    """Yield registered programs that take tables or regions: identifier, name, way."""
    from astropy.samp.errors import SAMPProxyError

    for receiver in client.get_registered_clients():
        try:
            subscriptions = client.get_subscriptions(receiver)
            name = client.get_metadata(receiver).get("samp.name", receiver)
        except SAMPProxyError:  # it left the hub meanwhile
            continue
        way = next((way for way in _WAYS if _subscribed(subscriptions, way)), None)
        if way is not None:
            yield receiver, name, way


def _subscribed(subscriptions, mtype):
    """Return whether a client takes messages of a type, also by a pattern such as 'table.*'."""
    parts = mtype.split(".")
    patterns = {mtype, "*"} | {".".join(parts[:n]) + ".*" for n in range(1, len(parts))}
    return bool(patterns & set(subscriptions))


def _message(way, catalog, folder, title):
    if way == "ds9.set":
        path = folder / "sources.reg"
        export(catalog, "ds9", path, overwrite=True)
        return {"samp.mtype": way, "samp.params": {"cmd": f"regions load {path}"}}
    if way == "table.load.fits":
        path = folder / "sources.fits"
        catalog.write(path, overwrite=True)
    else:
        path = folder / "sources.vot"
        export(catalog, "votable", path, overwrite=True)
    params = {"url": path.as_uri(), "name": title, "table-id": title}
    return {"samp.mtype": way, "samp.params": params}
