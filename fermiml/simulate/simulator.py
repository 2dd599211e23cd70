"""SkySimulator: skies with known truth, or fields to train networks on, from settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path

from fermiml.executors import check_jobs
from fermiml.simulate import fields, skies, sky_settings, training_fields
from fermiml.yamlfile import take_settings


class SkySimulator:
    """Simulates skies with known sources, in the formats of the LAT tools.

    Parameters
    ----------
    settings : path or dict, optional
        A YAML file as for `fermiml simulate`, or the contents of one: sections ``sky``, ``energy``,
        ``observation``, ``population``, ``diffuse``, ``wrong``, and ``training`` for training
        fields instead of skies.
    prepare : callable, optional
        Makes the `fermiml.simulate.fields.Setup` of the settings; use it to give the data a
        response other than the one in their header.
    jobs : int, str or concurrent.futures.Executor, optional
        Processes that simulate fields, or a cluster (docs/scaling.md) that sees the same folders;
        by default FERMIML_JOBS, or one.
    **sections
        Sections as keywords, instead of a file. Angles (deg), energies (MeV), times (yr) and fluxes
        (cm-2 s-1) are numbers or `~astropy.units.Quantity`, ``sky["centers"]`` is a list of
        [l, b] or a `~astropy.coordinates.SkyCoord`.

    Raises
    ------
    InputError
        If a key does not exist or a value is invalid.

    Examples
    --------
    >>> from fermiml import SkySimulator
    >>> sky = {"centers": [[30, 58]], "width": 5}
    >>> folders = SkySimulator(sky=sky, energy={"min": 2000}).run("skies")  # doctest: +SKIP
    """

    def __init__(
        self,
        settings: str | os.PathLike | Mapping | None = None,
        *,
        prepare: Callable = fields.prepare,
        jobs: int | str | Executor | None = None,
        **sections,
    ):
        self.settings = take_settings(settings, sections, sky_settings.read, sky_settings.check)
        self._prepare, self._jobs = prepare, check_jobs(jobs)

    def __repr__(self):
        made = "training fields" if self.makes_training_fields else "skies"
        return f"<SkySimulator: {made}, seed {self.settings['seed']}>"

    @property
    def makes_training_fields(self) -> bool:
        """Whether the settings are those of training fields."""
        return self.settings["training"] is not None

    def run(self, output: str | os.PathLike, overwrite: bool = False) -> list[Path]:
        """Simulate all fields.

        Complete fields are left unchanged, so an interrupted run resumes.

        Parameters
        ----------
        output : path
            Gets a folder for each field (a single one is written to `output` itself), or a file
            for each training field.
        overwrite : bool
            Replace another simulation in that folder.

        Returns
        -------
        list of pathlib.Path
            The folders, or files, of the fields.
        """
        make = training_fields.store if self.makes_training_fields else skies.write_skies
        return make(self.settings, output, overwrite, self._prepare, self._jobs)
