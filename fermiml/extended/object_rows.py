"""Objects and their neighbours as rows of the table of photometry."""

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.catalog.extended_sources import FORM_COLUMN, SIZE_ERROR
from fermiml.catalog.flags import MLFlag
from fermiml.extended.outline import templates
from fermiml.model.sources import MODEL_FORMS
from fermiml.photometry import spectral_fit
from fermiml.photometry.blend_calibration import SPLIT
from fermiml.photometry.group_fit import GroupFit
from fermiml.photometry.joint_fit import REFERENCE, JointFit
from fermiml.photometry.measure import LOW_TS
from fermiml.photometry.region_fit import RegionResult, goodness
from fermiml.photometry.scatter import probes, scatter
from fermiml.photometry.split import Splits
from fermiml.photometry.table import fill
from fermiml.photometry.templates import joined
from fermiml.sky.sphere import vectors_of

_ENOUGH = 0.02  # gain of log-likelihood after which the fit of a group is done
# Of neighbours: positions, and whether they are two.
_KEPT = (
    "RAJ2000", "DEJ2000", "GLON", "GLAT", "Conf_68_SemiMajor", "Conf_68_SemiMinor",
    "Conf_68_PosAng", "Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng", "ML_Shift",
    "ML_TS_Split", *SPLIT,
)  # fmt: skip


def put_object(table, row, local, found, beside):
    """Write an `ExtendedObject` into a row, and the spectra of the neighbours `beside` into theirs.

    `local` is a `LocalField` of all energies with the candidates that are left, whose rows in the
    table are `local.rows`; `beside` are numbers in it.
    """
    result = _measured(local, found)
    last = len(result.vectors) - 1
    table["ML_Flags"][np.append(local.rows[beside], row)] &= MLFlag.EDGE  # others are decided anew
    fill(table, result, np.array([last]), np.array([row]))
    table["ML_TS_Ext"][row], table["ML_Ext_Size"][row] = found.ts, found.outline.size
    table[SIZE_ERROR][row] = found.error
    table[FORM_COLUMN][row] = MODEL_FORMS[found.outline.form]
    table["ML_Shift"][row] = np.nan
    if "ML_Prob_Blend" in table.colnames:
        table["ML_Prob_Blend"][row] = np.nan
    _put_neighbours(table, result, local, beside)
    _flag(table, np.append(local.rows[beside], row), found.outline)


def _put_neighbours(table, result, local, beside):
    """Write new spectra of neighbours; their positions stay those of photometry."""
    rows = local.rows[beside]
    kept = table[rows][list(_KEPT)].copy()
    fill(table, result, beside, rows)
    for name in kept.colnames:
        table[name][rows] = kept[name]
    table["ML_TS_Ext"][rows], table["ML_Ext_Size"][rows] = 0.0, 0.0


def _flag(table, rows, outline):
    """Decide the flags of rows whose spectra are new: an object, and those within and beside it."""
    place = SkyCoord(table["RAJ2000"][rows], table["DEJ2000"][rows], unit="deg", frame="fk5")
    within = vectors_of(place.icrs) @ outline.vector > np.cos(np.radians(outline.size))
    table["ML_Flags"][rows[within]] |= MLFlag.DIFFUSE
    table["ML_Flags"][rows[table["ML_TS"][rows] < LOW_TS]] |= MLFlag.LOW_TS


def _measured(local, found):
    """Return the `RegionResult` of the candidates of a field, then of the objects."""
    model = found.fit.model
    vectors = np.concatenate([local.vectors, [o.vector for o in model.outlines]])
    indices = model.index[len(model.points) :]
    fits = [_group_fit(plane.field, local, model.outlines, indices) for plane in local.planes]
    extra = [scatter(f, probes(f.field, local.region), vectors) for f in fits]
    folding = local.folding(np.arange(len(local.rows)), model.outlines)
    best = JointFit.of(fits, extra, folding)
    power_law = best.spectra
    curved = spectral_fit.fit(best.curves, folding, REFERENCE, power_law.parameters, curved=True)
    nothing = np.zeros((len(vectors), 2))
    covariance = np.full((len(vectors), 2, 2), np.eye(2))
    covariance[-1] = found.fit.block(len(model.outlines) - 1)[:2, :2]
    return RegionResult(
        [fit.field.group for fit in fits], vectors, covariance, nothing, best.curves,
        power_law, curved, goodness(fits), nothing[:, 0], nothing[:, 1],
        Splits.unknown(len(vectors)),
    )  # fmt: skip


def _group_fit(field, local, outlines, indices):
    """Fit the amplitudes of all candidates and objects in a group."""
    still = np.zeros((len(local.rows), 2))
    parts = [field.templates(still, local.index)]
    parts += [templates(field, o, i)[0] for o, i in zip(outlines, indices, strict=True)]
    fit = GroupFit(field, joined(parts))
    fit.maximise(_ENOUGH)
    fit.renew_information()
    return fit
