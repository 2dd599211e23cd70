"""`fermiml send` with a real SAMP hub and client on this machine."""

import threading

import pytest
from astropy.io.votable import parse_single_table
from astropy.samp import SAMPHubServer, SAMPIntegratedClient, conf
from astropy.table import Table
from click.testing import CliRunner
from makers.catalogs import sample
from regions import Regions

from fermiml import SourceCatalog
from fermiml.catalog import samp
from fermiml.cli.main import main
from fermiml.errors import FermimlError

pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")


@pytest.fixture
def lockfile(tmp_path, monkeypatch):
    """A SAMP world of the test's own: no program of the user's desktop gets a message."""
    path = tmp_path / "samp.lock"
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{path.as_uri()}")
    with conf.set_temp("use_internet", False):
        yield path


@pytest.fixture
def hub(lockfile):
    server = SAMPHubServer(web_profile=False, lockfile=str(lockfile), addr="127.0.0.1")
    server.start()
    yield server
    server.stop()


class Receiver:
    """A program on the hub that reads what it is sent, as TOPCAT or ds9 would."""

    def __init__(self, name, mtype, read, error=None):
        self.client = SAMPIntegratedClient(name=name, addr="127.0.0.1")
        self.client.connect()
        self.read, self.error = read, error
        self.got = []
        self.done = threading.Event()
        self.client.bind_receive_call(mtype, self._call)

    def _call(self, _key, _sender, message_id, mtype, params, _extra):
        self.got.append((mtype, params, self.read(params)))
        if self.error:
            self.client.ereply(message_id, "samp.error", error={"samp.errortxt": self.error})
        else:
            self.client.reply(message_id, {"samp.status": "samp.ok", "samp.result": {}})
        self.done.set()


@pytest.fixture
def receiver(hub):
    made = []

    def make(*arguments, **options):
        made.append(Receiver(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.client.disconnect()


@pytest.fixture
def path(tmp_path):
    sample().write(tmp_path / "ml.fits")
    return str(tmp_path / "ml.fits")


def test_a_table_program_gets_the_catalog(receiver, path):
    topcat = receiver(
        "topcat", "table.load.fits", lambda p: Table.read(p["url"].removeprefix("file://"), hdu=1)
    )
    run = CliRunner().invoke(main, ["send", path])
    assert run.exit_code == 0, run.output
    assert run.output == "6 sources sent to topcat\n"
    ((mtype, params, table),) = topcat.got
    assert mtype == "table.load.fits" and params["name"] == "ml"
    assert list(table["Source_Name"]) == list(sample().table["Source_Name"])


def test_each_program_gets_what_it_reads(receiver, path):
    ds9 = receiver(
        "ds9",
        "ds9.set",
        lambda p: Regions.read(p["cmd"].removeprefix("regions load "), format="ds9"),
    )
    aladin = receiver(
        "aladin",
        "table.load.votable",
        lambda p: parse_single_table(p["url"].removeprefix("file://")),
    )
    deaf = receiver("deaf", "image.load.fits", lambda p: None)
    names = samp.send(SourceCatalog.read(path))
    assert sorted(names) == ["aladin", "ds9"]
    assert len(ds9.got[0][2]) == 6
    assert aladin.got[0][2].nrows == 6
    assert deaf.got == []


def test_an_empty_catalog_can_be_sent(receiver):
    topcat = receiver(
        "topcat", "table.*", lambda p: Table.read(p["url"].removeprefix("file://"), hdu=1)
    )
    samp.send(SourceCatalog())
    assert len(topcat.got[0][2]) == 0


def test_a_program_that_refuses_is_named(receiver, path):
    receiver("topcat", "table.load.fits", lambda p: None, error="no memory")
    run = CliRunner().invoke(main, ["send", path])
    assert run.exit_code == 2
    assert run.output == "fermiml: error: topcat did not accept the catalog: no memory\n"


def test_without_a_hub_it_says_what_to_do(lockfile, path):
    run = CliRunner().invoke(main, ["send", path])
    assert run.exit_code == 2
    assert run.output.count("\n") == 1
    assert "no SAMP hub is running: start TOPCAT" in run.output


def test_a_hub_that_died_counts_as_none(lockfile, path):
    lockfile.write_text(
        "samp.secret=x\nsamp.hub.xmlrpc.url=http://127.0.0.1:9/\nsamp.profile.version=1.3\n"
    )
    run = CliRunner().invoke(main, ["send", path])
    assert run.exit_code == 2 and "no SAMP hub is running" in run.output


def test_without_a_program_it_says_what_to_do(hub, path):
    run = CliRunner().invoke(main, ["send", path])
    assert run.exit_code == 2
    assert "no program on it takes tables: start TOPCAT, or connect ds9" in run.output


def test_a_program_that_does_not_answer_is_named(receiver, path, monkeypatch):
    monkeypatch.setattr(Receiver, "_call", lambda *_: None)
    receiver("topcat", "table.load.fits", lambda p: None)
    with pytest.raises(FermimlError, match=r"topcat did not accept .*: no answer within 0.5 s"):
        samp.send(SourceCatalog.read(path), timeout=0.5)
