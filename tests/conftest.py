"""Shared fixtures."""

import logging
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from makers import demonstrations, plugins


@pytest.fixture(autouse=True)
def _same_log():
    """Every test begins with the log of a fresh process: commands run in this one set its level."""
    logging.getLogger("fermiml").setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def latdata():
    """Folder of real LAT files, named by FERMIML_TEST_DATA; the test skips without it."""
    folder = os.environ.get("FERMIML_TEST_DATA")
    if not folder:
        pytest.skip("FERMIML_TEST_DATA is not set")
    if not Path(folder).is_dir():
        pytest.fail(f"FERMIML_TEST_DATA={folder} is not a folder")
    return Path(folder)


@pytest.fixture(scope="session")
def demo_settings():
    """A field that is smaller than that of `fermiml demo`."""
    from fermiml.simulate import sky_settings

    return sky_settings.check(demonstrations.DEMO)


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory, demo_settings):
    """Folder and output of `fermiml demo` on that field."""
    from fermiml import demo
    from fermiml.cli.main import main

    folder = tmp_path_factory.mktemp("shown") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "_settings", lambda: demo_settings)
        result = CliRunner().invoke(main, ["demo", "-o", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return folder, result.output


@pytest.fixture(scope="session")
def installed_plugin(tmp_path_factory):
    """The folder into which the package of tests/plugin is installed."""
    return plugins.install(tmp_path_factory.mktemp("plugin"))


@pytest.fixture
def plugin(installed_plugin):
    """That package is among the installed ones."""
    with plugins.on_path(installed_plugin):
        yield installed_plugin
