"""SourceCatalog: a table of sources in 4FGL columns, with the methods that analysts need."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

import astropy.units as u
import numpy as np
from astropy.coordinates import FK5, SkyCoord
from astropy.table import Table, vstack

from fermiml.catalog import (
    associate,
    crossmatch,
    extended_sources,
    fitsio,
    glance,
    histories,
    sky_regions,
    spectral_models,
)
from fermiml.catalog.conform import conform
from fermiml.catalog.ellipses import R68, R95, with_systematics
from fermiml.catalog.flags import MLFlag
from fermiml.catalog.positions import decimal
from fermiml.errors import InputError
from fermiml.files import replacing
from fermiml.wording import counted

log = logging.getLogger(__name__)


class SourceCatalog:
    """A catalog of gamma-ray sources.

    Parameters
    ----------
    table : astropy table, optional
        A table with all columns of the catalog, as `from_table` makes it. Without one the
        catalog is empty.
    extended : astropy table, optional
        4FGL's table of extended sources, for the rows that name one.
    gti : astropy table, optional
        Good time intervals, columns START and STOP in mission elapsed time.

    Examples
    --------
    >>> from fermiml import SourceCatalog
    >>> catalog = SourceCatalog.from_table({"RAJ2000": [83.63], "DEJ2000": [22.01]})
    >>> len(catalog), catalog.positions.galactic.b.deg.round(1).item()
    (1, -5.8)

    The table is `catalog.table`, an astropy Table; `catalog.table.meta` contains the header
    keywords that are kept (EMIN, EMAX, TSTART, RSPFUNC, SIMULATE ...). Methods that change
    something return a new catalog.
    """

    def __init__(self, table=None, *, extended=None, gti=None):
        self.table = conform(Table()) if table is None else table
        self.extended = extended
        self.gti = gti

    @classmethod
    def from_table(cls, table, *, extended=None, gti=None, meta=None):
        """Make a catalog from any astropy table, or a dictionary of arrays.

        Parameters
        ----------
        table : astropy Table or dict of arrays, n rows
            Needs RAJ2000 and DEJ2000 (or RA and DEC, GLON and GLAT), in deg, or a SkyCoord column.
            Units are converted; additional columns are kept, after those of the catalog.
        extended, gti : astropy Table, optional
            As for `SourceCatalog`.
        meta : dict of header keywords to add, optional

        Returns
        -------
        SourceCatalog, n rows

        Examples
        --------
        >>> SourceCatalog.from_table({"GLON": [184.56], "GLAT": [-5.78]}, meta={"EMIN": 1000.0})
        <SourceCatalog: 1 source>
        """
        table = Table(table, copy=False)
        table.meta = {**table.meta, **(meta or {})}
        return cls(conform(table), extended=extended, gti=gti)

    @classmethod
    def read(cls, path: str | os.PathLike) -> SourceCatalog:
        """Read a catalog: FITS (ours, any 4FGL release, FHL, truth tables), VOTable or CSV.

        Examples
        --------
        >>> catalog = SourceCatalog.read("gll_psc_v35.fit")  # doctest: +SKIP
        """
        table, extended, gti = fitsio.read_tables(path)
        try:
            return cls.from_table(table, extended=extended, gti=gti)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    @classmethod
    def of(cls, catalog: SourceCatalog | str | os.PathLike) -> SourceCatalog:
        """Return a catalog unchanged, or read one given by its path."""
        return catalog if isinstance(catalog, cls) else cls.read(catalog)

    def write(self, path: str | os.PathLike, overwrite: bool = False) -> None:
        """Write the FITS file; it appears complete or not at all.

        Examples
        --------
        >>> catalog.write("sources.fits", overwrite=True)  # doctest: +SKIP
        """
        self._check_extended_names()
        hdus = fitsio.to_hdus(self.table, self.extended, self.gti)
        with replacing(path, overwrite) as temporary:
            hdus.writeto(temporary, checksum=True)

    def _check_extended_names(self):
        """Refuse a row that names an extended source which the file lacks: readers fail at it."""
        present = set() if self.extended is None else set(self.extended["Source_Name"])
        absent = sorted(set(self.table["Extended_Source_Name"]) - present - {""})
        if absent:
            raise InputError(
                f"column Extended_Source_Name: {str(absent[0])!r} is not in the table of "
                "extended sources; give that table as extended=..., or clear the name"
            )

    def __len__(self):
        return len(self.table)

    def __iter__(self):
        return iter(self.table)

    def __getitem__(self, key):
        """Return a row by name (as `row_of`) or number; a smaller catalog by slice, mask or list.

        Parameters
        ----------
        key : str, int, slice, array of bool (n,), or list of int

        Returns
        -------
        astropy Row or SourceCatalog

        Examples
        --------
        >>> catalog["4FGL J0534.5+2200"], catalog[:10]  # doctest: +SKIP
        """
        if isinstance(key, str):
            try:
                return self.table[self.row_of(key)]
            except InputError:
                raise KeyError(key) from None
        if isinstance(key, (int, np.integer)):
            return self.table[key]
        return self._with(self.table[key])

    def row_of(self, name: str) -> int:
        """Find the row with a name: its own, with or without prefix, or an association's."""
        name = name.strip()
        columns = [c for c in self.table.colnames if c == "Source_Name" or c.startswith("ASSOC")]
        for column in columns:
            if self.table[column].dtype.kind == "U":
                found = np.char.strip(np.asarray(self.table[column], str))
                rows = np.flatnonzero((found == name) | np.char.endswith(found, f" {name}"))
                if len(rows):
                    return int(rows[0])
        some = ", ".join(map(str, self.table["Source_Name"][:3]))
        raise InputError(f"no source {name!r} among {len(self)} (such as {some})")

    def __repr__(self):
        return f"<SourceCatalog: {counted(len(self), 'source')}>"

    def _repr_html_(self):
        return glance.to_html(self)

    def _with(self, table):
        return type(self)(table, extended=self.extended, gti=self.gti)

    @property
    def positions(self) -> SkyCoord:
        """Positions as an FK5 J2000 SkyCoord."""
        return SkyCoord(
            decimal(self.table["RAJ2000"]),
            decimal(self.table["DEJ2000"]),
            unit="deg",
            frame=FK5,
        )

    @property
    def simulated(self) -> bool:
        """Whether the header says that the data are simulated."""
        return bool(self.table.meta.get("SIMULATE", False))

    def ellipses(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute the 1-sigma error ellipses, including the size of extended sources.

        Returns
        -------
        major, minor, angle : array of float, shape (n,)
            Semi-axes, NaN where not known, and position angle from north to east, in deg.
        """
        major, minor = (
            np.asarray(self.table[f"Conf_95_{axis}"], float) / R95
            for axis in ("SemiMajor", "SemiMinor")
        )
        angle = np.nan_to_num(np.asarray(self.table["Conf_95_PosAng"], float))
        size = self.extensions() / R68
        return (
            *(np.where(size > 0, np.hypot(np.nan_to_num(a), size), a) for a in (major, minor)),
            angle,
        )

    def outlines(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what is drawn of the sources: 95 % error ellipses, or the shape of extended ones.

        Returns
        -------
        major, minor, angle : array of float, shape (n,)
            Semi-axes, NaN where not known, and position angle from north to east, in deg.
        """
        major, minor, angle = (
            np.array(self.table[f"Conf_95_{name}"], float)
            for name in ("SemiMajor", "SemiMinor", "PosAng")
        )
        if self.extended is not None:
            shapes = extended_sources.shapes_of(self.table, self.extended)
            large = shapes[0] > 0
            for values, shape in zip((major, minor, angle), shapes, strict=True):
                values[large] = shape[large]
        return major, minor, np.nan_to_num(angle)

    def extensions(self) -> np.ndarray:
        """Return the size of each row's source (deg), 0 for a point."""
        if self.extended is None:
            return np.zeros(len(self))
        return extended_sources.shapes_of(self.table, self.extended)[0]

    def filter(self, condition: np.ndarray | Callable) -> SourceCatalog:
        """Select the rows where a mask is true.

        Parameters
        ----------
        condition : array of bool, shape (n,), or callable
            The mask, or a function that computes it from the table; masked elements are false.

        Examples
        --------
        >>> catalog.filter(lambda table: table["ML_Prob"] > 0.9)  # doctest: +SKIP
        """
        mask = np.ma.filled(condition(self.table) if callable(condition) else condition, False)
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != (len(self),):
            raise InputError(f"a filter needs one boolean for each of {len(self)} rows")
        return self._with(self.table[mask])

    def sort(self, column: str, reverse: bool = False) -> SourceCatalog:
        """Sort by a column; rows without a value come last."""
        if column not in self.table.colnames:
            raise InputError(f"no column {column!r} to sort by")
        values = self.table[column]
        unknown = np.ma.getmaskarray(np.ma.asarray(values)).copy()
        if values.dtype.kind == "f":
            unknown |= np.isnan(np.asarray(values))
        order = np.argsort(np.asarray(values), kind="stable")
        order = order[::-1] if reverse else order
        order = np.concatenate([order[~unknown[order]], order[unknown[order]]])
        return self._with(self.table[order])

    def merge(self, *others: SourceCatalog, radius: float | u.Quantity = 0.2) -> SourceCatalog:
        """Add the new sources of other catalogs.

        A source is new if no source added before lies within `radius`, so list the most reliable
        catalogs first.

        Parameters
        ----------
        *others : SourceCatalog
        radius : float (deg) or Quantity
        """
        result = self
        for other in others:
            taken = crossmatch.pairs_within(result.positions, other.positions, _degrees(radius))
            new = np.ones(len(other), bool)
            new[taken.second] = False
            rows = histories.fitted(other.table[new], result.table)
            rows.meta.clear()
            table = vstack([result.table, rows], join_type="outer", metadata_conflicts="silent")
            table.meta = dict(result.table.meta)
            extended = _both(result.extended, other.extended)
            result = type(self)(conform(_unmasked(table)), extended=extended, gti=self.gti)
        return result

    def crossmatch(self, other, radius=None, level=0.95, shift=3.0):
        """Match the sources of two catalogs one to one, the closest pairs first.

        Parameters
        ----------
        other : SourceCatalog
        radius : float (deg) or Quantity, optional
            Largest separation of a pair. Without it the error ellipses decide.
        level : float
            Pairs are within this contour (0.95: 95 %) of both error ellipses together.
        shift : float
            Angle (deg) by which `other` is moved in Galactic longitude to count chance matches.

        Returns
        -------
        astropy Table, one row per pair
            Row numbers, names, separation (deg) and offset in sigma (NaN with a `radius`); in its
            meta MATCHED, the fraction of rows that match, and CHANCE, that with `other` moved.

        Examples
        --------
        >>> pairs = catalog.crossmatch(known, radius=0.3)  # doctest: +SKIP
        """
        if radius is not None:
            radius = _degrees(radius)

            def find(coord, there):
                return crossmatch.pairs_within(coord, there, radius)
        else:
            mine, theirs = self.ellipses(), other.ellipses()

            def find(coord, there):
                return crossmatch.pairs_in_ellipses(coord, mine, there, theirs, level)

        pairs = crossmatch.best(find(self.positions, other.positions))
        result = Table(
            {
                "row": pairs.first,
                "other_row": pairs.second,
                "Source_Name": self.table["Source_Name"][pairs.first],
                "other_name": other.table["Source_Name"][pairs.second],
                "separation": u.Quantity(pairs.separation, "deg"),
                "sigma": pairs.sigma,
            }
        )
        result.meta["MATCHED"] = len(result) / len(self) if len(self) else np.nan
        result.meta["CHANCE"] = crossmatch.chance_rate(find, self.positions, other.positions, shift)
        return result

    def associate(self, known, threshold=0.8, prior=None):
        """Assign a known source to each row, with the probability of the association.

        Of several candidates the likeliest is named, and no known source is assigned twice: the
        best pairs are assigned first, and a row whose only candidate is taken stays blank (the log
        names it), as does one without an error ellipse. For real data 4FGL's systematic errors are
        first added to those of this catalog, unless they are already included.

        Parameters
        ----------
        known : SourceCatalog
        threshold : float
            Rows with a lower probability of being a known source stay blank.
        prior : float, optional
            Fraction (0 to 1) of rows that have a counterpart; by default found from the data.

        Returns
        -------
        SourceCatalog
            With probabilities in ASSOC_PROB_BAY, names in ASSOC_FGL (4FGL's also in ASSOC_4FGL),
            ASSOC_FHL or, if of others, ASSOC_GAM1, and class and counterpart copied. Rows inside a
            known extended source get bit 8 of ML_Flags, whatever they are.

        Examples
        --------
        >>> catalog.associate(known).table["ASSOC_4FGL", "ASSOC_PROB_BAY"]  # doctest: +SKIP
        """
        table = self.table.copy()
        ready = self.with_systematics()
        pairs, probability = associate.probabilities(
            ready.positions, ready.ellipses(), known.positions, known.ellipses(), prior
        )
        best, probability, lost = associate.one_to_one(pairs, probability, threshold)
        first, second = pairs.first[best], pairs.second[best]
        associate.fill(table, known.table, first, second, probability)
        if len(lost):
            log.info("not associated, because another row matches the known source better: %s",
                     ", ".join(table["Source_Name"][lost]))  # fmt: skip
        inside = associate.within(self.positions, known.positions, known.extensions())
        table["ML_Flags"][inside] |= MLFlag.DIFFUSE
        return self._with(table)

    def with_systematics(self) -> SourceCatalog:
        """Widen the error ellipses by 4FGL-DR4's systematic error (ERPOSFAC, ERPOSABS).

        For real data: a catalog of simulated data, or one that already includes the systematic
        error (according to the header), is returned unchanged.
        """
        if self.simulated or "ERPOSFAC" in self.table.meta:
            return self
        table = self.table.copy()
        for percent, scale in ((68, R68 / R95), (95, 1.0)):
            for axis in ("SemiMajor", "SemiMinor"):
                name = f"Conf_{percent}_{axis}"
                table[name][:] = with_systematics(table[name], scale=scale)
        table.meta.update(fitsio.systematic_keywords())
        return self._with(table)

    def plot(self, cube, ax=None, **look):
        """Draw the sources on the counts of a cube; return the Axes.

        Takes the options of `fermiml.plot.sky.plot_counts`: ``kind`` ("counts", "significance",
        "residuals"), ``names``, ``emin``, ``emax`` ...
        """
        from fermiml.plot.sky import plot_counts

        return plot_counts(cube, self, ax, **look)

    def to_models(self):
        """Convert the sources to gammapy models.

        Returns
        -------
        gammapy Models
            One per source; a power law with starting values where no spectrum is fitted. Extended
            sources are disks or Gaussians; those whose shape is an image are left out.

        Examples
        --------
        >>> catalog.to_models().write("models.yaml")  # doctest: +SKIP
        """
        return spectral_models.to_models(self.table, self.extended)

    def to_regions(self, colour="class"):
        """Convert the sources to regions in FK5: error ellipses at 95 %, the extent of extended
        sources.

        Parameters
        ----------
        colour : {"class", "match"}
            What determines the colour: the class, or whether a known source is associated.

        Returns
        -------
        regions.Regions
            One per row; a point where the error is not known.

        Examples
        --------
        >>> catalog.to_regions("match").write("sources.reg", format="ds9")  # doctest: +SKIP
        """
        return sky_regions.to_regions(self.table, colour, self.outlines())


def _degrees(angle):
    return u.Quantity(angle, None if hasattr(angle, "unit") else "deg").to_value("deg")


def _both(extended, others):
    """Join the extended sources of two catalogs, each once."""
    known = [t for t in (extended, others) if t is not None and len(t)]
    if not known:
        return None
    joined = vstack(known, metadata_conflicts="silent")
    _, first = np.unique(joined["Source_Name"], return_index=True)
    return joined[np.sort(first)]


def _unmasked(table):
    """Fill columns that only one table has: NaN, blank or False where the other lacks them."""
    blank = {"f": np.nan, "U": "", "S": b"", "b": False}
    for name in table.colnames:
        column = table[name]
        if hasattr(column, "filled") and column.dtype.kind in blank:
            table[name] = column.filled(blank[column.dtype.kind])
    return table
