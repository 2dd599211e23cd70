"""LikelihoodFit: from a catalog and data to TS, positions and spectra, with any engine."""

import logging
from os import PathLike
from typing import Any

from astropy.coordinates import SkyCoord
from astropy.table import Table

from fermiml.catalog.catalog import SourceCatalog
from fermiml.errors import InputError
from fermiml.likelihood.base import Engine, make_engine
from fermiml.wording import counted

log = logging.getLogger(__name__)


class LikelihoodFit:
    """Fits the sources of a catalog: TS, positions, spectra, fluxes in bands.

    Parameters
    ----------
    engine : str or Engine
        ``"gammapy"``, ``"fermipy"`` (which needs the Fermitools), the name of an engine from
        another package, or an engine.
    **settings
        Settings of an engine that is given by name. Those of ``"gammapy"`` are the parameters of
        `fermiml.likelihood.gammapy_engine.GammapyEngine`: ``known``, ``galdiff``, ``iso``,
        ``jobs``, ``positions``, ``spectra``, ``background``, ``bands``, ``neighbours`` and others;
        ``"fermipy"`` has ``extents`` alone, because the YAML describes the analysis.

    Raises
    ------
    InputError
        If a setting is unknown or invalid.

    Examples
    --------
    >>> from fermiml import LikelihoodFit, SkyCube, SourceCatalog
    >>> cube = SkyCube.read("ccube.fits", exposure="bexpmap.fits", psf="psf.fits")
    >>> fit = LikelihoodFit(known=SourceCatalog.read("gll_psc_v35.fit"), jobs=4)
    >>> fitted = fit.run("ml.fits", cube)
    >>> fitted.table["Source_Name", "TS", "Flux1000"]
    """

    def __init__(self, engine: str | Engine = "gammapy", **settings: Any):
        if isinstance(engine, str):
            engine = make_engine(engine, settings)
        elif settings:
            raise TypeError(f"{engine!r} has its settings already: {', '.join(settings)}")
        self.engine = engine
        self.settings = settings

    def __repr__(self):
        settings = (f", {name}={value!r}" for name, value in self.settings.items())
        return f"<LikelihoodFit: {self.engine.name}{''.join(settings)}>"

    def run(self, catalog: SourceCatalog | str | PathLike, data: Any) -> SourceCatalog:
        """Fit the sources of a catalog.

        Parameters
        ----------
        catalog : SourceCatalog or path
            The seeds; their spectra and fluxes, if known, are the starting values.
        data : SkyCube, path, or other input of the engine
            For gammapy a `SkyCube`, or anything that `SkyCube.read` takes; for fermipy the YAML
            of an analysis, a folder with one, or a GTAnalysis that is set up.

        Returns
        -------
        SourceCatalog
            All rows of the catalog in their order, with ``TS``, ``TS_Engine``, position, spectrum,
            flux in bands and flags of those that are in the data.
        """
        catalog = SourceCatalog.of(catalog)
        log.info("fit of %s: %s", counted(len(catalog), "source"), self.engine.summary)
        return self.engine.fit(catalog, data)

    def limits(
        self,
        positions: SkyCoord,
        data: Any,
        catalog: SourceCatalog | str | PathLike | None = None,
        index: float = 2.2,
    ) -> Table:
        """Measure TS, flux and 95 % upper limit at given positions.

        Each position is treated separately, as a point source with a power law of fixed index. The
        model also contains the background and the sources of the catalog (and of `known`); their
        norms are free, and so are the indices of significant ones, but not the positions. The limit
        is that of the profile likelihood, where -2 ln L has risen by 2.71 from its minimum.

        Parameters
        ----------
        positions : SkyCoord, n positions
        data : SkyCube, or anything that `SkyCube.read` takes
        catalog : SourceCatalog or path, optional
            The sources of the model, preferably after a fit. One closer than 0.2 deg to a target is
            taken to be the target and left out, with a warning.
        index : float
            Photon index of the targets.

        Returns
        -------
        astropy Table, n rows
            Position, Index, TS, Npred, Converged; photon and energy flux, error and upper limit in
            the energy range of the data: Flux, Unc_Flux, Flux_UL95, Energy_Flux, Unc_Energy_Flux,
            Energy_Flux_UL95. `meta` gives the range (EMIN, EMAX, in MeV).

        Examples
        --------
        >>> position = SkyCoord([83.6], [22.0], unit="deg")
        >>> table = LikelihoodFit().limits(position, "ccube.fits", "ml.fits")  # doctest: +SKIP
        >>> table["TS", "Flux", "Flux_UL95"]  # doctest: +SKIP
        """
        if not hasattr(self.engine, "limits"):
            raise InputError(f"engine {self.engine.name!r} does not measure upper limits")
        catalog = None if catalog is None else SourceCatalog.of(catalog)
        return self.engine.limits(positions, data, catalog, index)
