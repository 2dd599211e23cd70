"""The SkyCube: counts, the cuts that made them, and the response, ready for a detector."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from fermiml import notebook
from fermiml.errors import InputError
from fermiml.fitsmaps import geom_content, image_geom, pixel_numbers
from fermiml.response.irfs import ALL_EVENTS, type_names
from fermiml.sky.energy_text import range_text
from fermiml.sky.pixel_area import pixel_areas
from fermiml.sky.selection import Selection
from fermiml.wording import counted

EDGE_MARGIN = 0.5  # deg from the edge of the data, within which sources are not judged
# Of `fermiml.sky.describe`, in a notebook.
_SHOWN = (
    "sky", "centre", "observed", "energy", "counts", "event class", "event type", "time", "psf",
    "exposure", "background",
)  # fmt: skip
_STEPS = 24  # directions in which the edge of the data is looked for


@dataclass(frozen=True)
class Origin:
    """Where a part of the response comes from; `assumed` when nothing in the data says so."""

    text: str
    assumed: bool = False


@dataclass(frozen=True)
class EnergyDispersion:
    """Probability to find an event of a true-energy bin in each bin of the counts."""

    true_edges: np.ndarray  # MeV
    matrix: np.ndarray  # (true bin, counts bin)


@dataclass
class Component:
    """One counts map with its own selection and response (e.g. one PSF event type)."""

    name: str
    counts: object  # gammapy WcsNDMap or HpxNDMap; one axis `energy` in MeV
    selection: Selection = field(default_factory=Selection)
    mask: np.ndarray | None = None  # pixels that were observed
    psf: object = None  # fermiml.response.psf.PSF
    exposure: object = None  # gammapy map with the axis `energy_true`
    edisp: EnergyDispersion | None = None
    background: object = None  # expected counts, same geometry as `counts`
    times: object = None  # fermiml.sky.timed_counts.TimedCounts, where intervals were asked for
    origins: dict = field(default_factory=dict)  # "psf", "exposure", "edisp" -> Origin
    notes: list = field(default_factory=list)

    @cached_property
    def geom(self):
        """Geometry of the pixels, without energies."""
        return image_geom(self.counts.geom)

    @property
    def energy_edges(self):
        """Edges of the native bins in MeV."""
        return self.counts.geom.axes["energy"].edges.to_value("MeV")

    @property
    def is_healpix(self):
        """Whether the pixels are HEALPix pixels."""
        return self.counts.geom.is_hpx

    @cached_property
    def center(self):
        """Middle of the observed pixels, or the centre of a map of the whole sky."""
        observed = np.flatnonzero(self.mask)
        # Of millions of pixels a part will do.
        position = self.positions_of(observed[:: 1 + len(observed) // 2_000_000])
        mean = SkyCoord(position.cartesian.mean(), frame=position.frame)
        if np.sqrt(np.sum(mean.cartesian.xyz.value**2)) < 0.1:
            return self.counts.geom.center_skydir
        return SkyCoord(mean.spherical.lon, mean.spherical.lat, frame=position.frame)

    @property
    def pixel_size(self):
        """Side of a typical pixel in deg."""
        if self.is_healpix:
            return float(np.sqrt(self.geom.solid_angle().to_value("deg2").mean()))
        return float(np.min(np.abs(self.geom.pixel_scales.to_value("deg"))))

    @property
    def event_types(self):
        """Names of the event types; FRONT and BACK if the header has none."""
        return type_names(self.selection.evtype or ALL_EVENTS)

    def content(self):
        """All that results depend on, for `fermiml.checkpoint.content_key`."""
        position, exposure = self.pixel_positions().icrs, []
        if self.exposure is not None:
            geom = self.exposure.geom
            energy = geom.axes["energy_true"].center.to_value("MeV")
            exposure = [geom_content(geom), energy, self.exposure.data]
        background = None if self.background is None else self.background.data
        return (
            self.counts.data, self.mask, self.energy_edges, position.ra.deg, position.dec.deg,
            background, exposure, self.psf, self.edisp,
            self.selection.evtype, self.selection.irf_name, self.times,
        )  # fmt: skip

    def pixel_positions(self):
        """SkyCoord of all pixel centres, in the shape of `mask`; NaN off the sky."""
        return self.geom.get_coord().skycoord

    def pixel_areas(self):
        """Solid angles in deg2, in the shape of `mask`; at the rim of a projection, where the
        corners of a pixel are off the sky, that of a typical pixel."""
        area = pixel_areas(self.geom)
        return np.broadcast_to(np.nan_to_num(area, nan=self.pixel_size**2), self.mask.shape)

    def pixel_numbers(self, position):
        """Numbers in the flattened mask of the pixels at positions (an array SkyCoord), -1 off the
        map."""
        return pixel_numbers(self.geom, position)

    def observed(self, position):
        """Mask of the positions (an array SkyCoord) in observed pixels."""
        numbers = self.pixel_numbers(position)
        return (numbers >= 0) & self.mask.ravel()[numbers]

    def positions_of(self, pixels):
        """SkyCoord of some pixels, given by their numbers in the flattened mask."""
        if self.is_healpix:
            coords = self.geom.pix_to_coord(self.geom.local_to_global((pixels,))[:1])
        else:
            coords = self.geom.pix_to_coord(np.unravel_index(pixels, self.mask.shape)[::-1])
        return SkyCoord(*coords, frame=self.geom.frame)

    def away_from_edge(self, position, margin=EDGE_MARGIN):
        """Mask of the positions with observed pixels all around, out to `margin` (deg)."""
        inside = self.observed(position)
        for angle in np.arange(_STEPS) * 360 / _STEPS:
            around = position.directional_offset_by(angle * u.deg, margin * u.deg)
            inside &= self.observed(around)
        return inside

    def area_away_from_edge(self, margin=EDGE_MARGIN, samples=4000):
        """Solid angle (deg2) farther than `margin` from the edge of the data."""
        observed = np.flatnonzero(self.mask)
        some = observed[:: max(1, len(observed) // samples)]
        counts = self.away_from_edge(self.positions_of(some), margin)
        pixels = self.pixel_areas().ravel()
        return float(pixels[observed].sum() * pixels[some][counts].sum() / pixels[some].sum())


@dataclass
class SkyCube:
    """Counts of the LAT, with the cuts that made them and the response; see `SkyCube.read`.

    Attributes
    ----------
    components : list of `fermiml.sky.cube.Component`
        Counts maps that are analysed together, e.g. one for each PSF event type.
    kind : str
        Description of what was read.
    source : str
        The name of the file or folder.

    Examples
    --------
    >>> from fermiml import SkyCube
    >>> cube = SkyCube.read("ccube.fits", exposure="bexpmap.fits")  # doctest: +SKIP
    >>> cube.total_counts, cube.center.galactic  # doctest: +SKIP
    """

    components: list[Component]
    kind: str
    source: str = ""

    @classmethod
    def read(cls, source: object, **options) -> SkyCube:
        """Read any LAT data.

        Parameters
        ----------
        source : path, gammapy Map, MapDataset or Datasets
            A gtbin cube or map (WCS or HEALPix), a fermipy output folder or its YAML, a
            gammapy file or YAML, FT1 events, a list of FT1 names, or ``"@list.txt"`` with them.
        exposure, psf, background : path, gammapy object, or a list with one per component
            gtexpcube2 or gtltcube output; gtpsf output or a PSFMap; expected counts.
        irf, evtype : str, int
            Response to use instead of the one in the header. ``evtype`` also selects FT1 events.
        center, width, binsz, emin, emax, zmax, tmin, tmax
            For FT1 only: a SkyCoord; numbers in deg, deg, MeV, MeV, deg, or Quantities; times as
            `~astropy.time.Time`, as dates, or as mission elapsed time in s.
        time_bins : int, str or list
            For FT1 only: intervals of time in which the counts are kept apart, too, for light
            curves: a number of equal ones, ``"yearly"``, ``"monthly"``, or edges (dates, MJD,
            mission elapsed times in s; a list, a text, or the name of a text file).
        scfile : path
            For FT1 with ``time_bins`` only: the spacecraft file (FT2), from which the exposure of
            each interval is known; by default it goes with good time.

        Returns
        -------
        SkyCube
        """
        from fermiml.sky.read.dispatch import read_cube

        return read_cube(source, **options)

    @classmethod
    def of(cls, data: Any) -> SkyCube:
        """Return a cube unchanged, and read anything else that `read` accepts."""
        return data if isinstance(data, cls) else cls.read(data)

    @property
    def total_counts(self) -> float:
        """All counts of all components, also those in masked pixels."""
        return sum(float(c.counts.data.sum(dtype=float)) for c in self.components)

    @property
    def simulated(self) -> bool:
        """Whether a header says that the data are simulated."""
        return any(component.selection.simulated for component in self.components)

    @property
    def has_background(self) -> bool:
        """Whether all components have a model of the diffuse emission."""
        return all(component.background is not None for component in self.components)

    @property
    def energy_range(self) -> tuple[float, float]:
        """Lowest and highest energy of all components in MeV."""
        edges = np.concatenate([component.energy_edges for component in self.components])
        return float(edges.min()), float(edges.max())

    @property
    def center(self) -> SkyCoord:
        """Middle of the first component."""
        return self.components[0].center

    def observed(self, position: SkyCoord) -> np.ndarray:
        """Return a mask of the positions (an array SkyCoord) observed by any component.

        Parameters
        ----------
        position : SkyCoord, shape (n,)

        Returns
        -------
        array of bool, shape (n,)
            False off the maps, and in pixels excluded by the masks of all components.
        """
        return np.any([component.observed(position) for component in self.components], axis=0)

    def bands(self, low: bool = False) -> list:
        """Group the components as `fermiml.sky.bands.BandedCounts` in the five network bands.

        Parameters
        ----------
        low : bool
            Append the band below 500 MeV that some networks look at.

        Returns
        -------
        list of `fermiml.sky.bands.BandedCounts`
            One per component: counts of shape (5 or 6, pixels...), the number of counts outside all
            bands, and the PSF of each band, None where the cube has no energy bin there.
        """
        from fermiml.sky.bands import group_bands

        return [group_bands(component, low) for component in self.components]

    def patches(self, **options):
        """Stream the observed sky as tangent-plane patches; see `fermiml.sky.patches`.

        Parameters
        ----------
        size : int
            Pixels along a side, by default 128.
        overlap : int
            Pixels that a patch reaches beyond its own sky on each side, by default 16.
        origin : SkyCoord, optional
            Where the tiling has a patch centre; by default the middle of the data.

        Returns
        -------
        `fermiml.sky.patches.Patches`
            Sized iterable of `fermiml.sky.patches.Patch`, with counts of shape (component, 5, size,
            size) in pixels of 0.1 deg, or larger where those of the data exceed 0.2 deg.
        """
        from fermiml.sky.patches import Patches

        return Patches(self.bands(), **options)

    def to_gammapy(self, **diffuse):
        """Convert to gammapy `Datasets`, one for each component.

        Parameters
        ----------
        galdiff, iso : path, optional
            Diffuse model, if the cube has no background; by default the embedded one.
        """
        from fermiml.likelihood.datasets import to_datasets

        return to_datasets(self, **diffuse)

    def _repr_html_(self):
        from fermiml.sky.describe import describe

        parts = describe(self)["components"]
        rows = [[fact, *(part[fact]["text"] for part in parts)] for fact in _SHOWN]
        return notebook.table(
            ["", *(part["name"] for part in parts)], rows, f"SkyCube: {self.kind}"
        )

    def __repr__(self):
        edges = self.components[0].energy_edges
        return (
            f"<SkyCube: {self.kind}, {counted(len(self.components), 'component')}, "
            f"{self.total_counts:.0f} counts, {range_text(edges[0], edges[-1])}>"
        )


def check_counts(component):
    """Reject invalid counts, and mask the pixels outside the selection."""
    data = component.counts.data
    if data.dtype.kind not in "iuf":
        raise InputError(f"the counts are not numbers (type {data.dtype})")
    if not np.all(np.isfinite(data)):
        raise InputError("the counts contain NaN or infinite values")
    if data.size and data.min() < 0:
        raise InputError("the counts contain negative values: not a counts cube")
    check_energies(component.energy_edges)
    observed = _observed_pixels(component)
    component.mask = observed if component.mask is None else component.mask & observed
    if not component.mask.any():
        raise InputError("no pixel is inside the selection: the mask is zero everywhere")


def check_energies(edges):
    """Refuse energies that no LAT data have."""
    if edges[0] < 27 or edges[-1] > 3.3e6:  # 30 MeV-3 TeV, with room for rounded logarithms
        raise InputError(
            f"the energies run from {edges[0]:.4g} to {edges[-1]:.4g} MeV, outside "
            "30 MeV-3 TeV where the LAT response is known"
        )


def _observed_pixels(component):
    """Pixels on the sky whose centre is inside every circle of the selection."""
    position = component.pixel_positions()
    inside = np.isfinite(position.spherical.lon.value)
    for center, radius in component.selection.circles:
        with np.errstate(invalid="ignore"):
            inside &= position.separation(center).deg <= radius
    return inside
