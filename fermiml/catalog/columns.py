"""The columns of a fermiml catalog: those of 4FGL-DR4 in their order, then the ML and TS ones.

One line is one column: name, FITS format, unit, display format, UCD, description. Descriptions
are at most 68 characters, what one FITS card (TCOMMn) holds. UCDs are those of the 4FGL-DR4
file where UCD1+ allows them.
"""

# ruff: noqa: E501  (a table reads best with one column a line)

import math
from typing import NamedTuple

import numpy as np

from fermiml.errors import InputError

EXTNAME = "LAT_Point_Source_Catalog"
BLANK = -32768  # TNULL: an integer that is not known
BAND_EDGES = np.array([50.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 1e6])  # MeV, 4FGL-DR4
N_ML_BANDS = 5  # 0.5-1, 1-2, 2-7, 7-20, >20 GeV
SPECTRUM_TYPES = ("PowerLaw", "LogParabola", "PLSuperExpCutoff")


class Column(NamedTuple):
    """One column as the FITS file has it."""

    name: str
    format: str
    unit: str
    disp: str
    ucd: str
    description: str
    shape: tuple = ()  # of one cell

    def with_intervals(self, count):
        """Return the column of a light curve with so many intervals."""
        shape = (count, *self.shape[1:])
        return self._replace(format=f"{math.prod(shape)}{self.code}", shape=shape)

    @property
    def code(self):
        """The letter of the FITS format: A text, I integer, E and D floating point."""
        return self.format[-1]

    @property
    def length(self):
        """Characters of a text column."""
        return int(self.format[:-1] or 1)

    @property
    def dtype(self):
        """The numpy type of a cell's elements."""
        return (
            f"U{self.length}" if self.code == "A" else {"I": "i2", "E": "f4", "D": "f8"}[self.code]
        )


_FLUX = "ph cm-2 s-1"
_DENSITY = "ph cm-2 MeV-1 s-1"
_EFLUX = "erg cm-2 s-1"
_FLUX_UCD = "phot.count;em.gamma"
_DENSITY_UCD = "phot.flux.density;em.gamma"
_EFLUX_UCD = "phot.flux;em.gamma"
_ERR = ";stat.error"
_ASSOC = "meta.id.assoc"

_LINES = (
    ("Source_Name", "18A", "", "", "meta.id;meta.main", "Name: prefix and truncated J2000 position"),
    ("DataRelease", "I", "", "", "meta.version", "4FGL data release in which the source first appeared"),
    ("RAJ2000", "E", "deg", "F8.4", "pos.eq.ra;meta.main", "Right ascension, FK5 J2000"),
    ("DEJ2000", "E", "deg", "F8.4", "pos.eq.dec;meta.main", "Declination, FK5 J2000"),
    ("GLON", "E", "deg", "F8.4", "pos.galactic.lon", "Galactic longitude"),
    ("GLAT", "E", "deg", "F8.4", "pos.galactic.lat", "Galactic latitude"),
    ("Conf_68_SemiMajor", "E", "deg", "F8.4", "pos.errorEllipse;phys.angSize.smajAxis", "Long radius of the error ellipse at 68 % confidence"),
    ("Conf_68_SemiMinor", "E", "deg", "F8.4", "pos.errorEllipse;phys.angSize.sminAxis", "Short radius of the error ellipse at 68 % confidence"),
    ("Conf_68_PosAng", "E", "deg", "F8.3", "pos.errorEllipse;pos.posAng", "Position angle of the 68 % long axis, from north to east"),
    ("Conf_95_SemiMajor", "E", "deg", "F8.4", "pos.errorEllipse;phys.angSize.smajAxis", "Long radius of the error ellipse at 95 % confidence"),
    ("Conf_95_SemiMinor", "E", "deg", "F8.4", "pos.errorEllipse;phys.angSize.sminAxis", "Short radius of the error ellipse at 95 % confidence"),
    ("Conf_95_PosAng", "E", "deg", "F8.3", "pos.errorEllipse;pos.posAng", "Position angle of the 95 % long axis, from north to east"),
    ("ROI_num", "I", "", "", "meta.id.part", "Number of the 4FGL region of interest"),
    ("Extended_Source_Name", "18A", "", "", "meta.id", "Row of ExtendedSources; blank for a point source"),
    ("Signif_Avg", "E", "", "F8.3", "stat.snr", "Significance in sigma: sqrt of the best TS known"),
    ("Pivot_Energy", "E", "MeV", "F10.2", "em.energy", "Energy at which the flux density is best known"),
    ("Flux1000", "E", _FLUX, "E10.4", _FLUX_UCD, "Photon flux from 1 to 100 GeV"),
    ("Unc_Flux1000", "E", _FLUX, "E10.4", _FLUX_UCD + _ERR, "1-sigma error of Flux1000"),
    ("Energy_Flux100", "E", _EFLUX, "E10.4", _EFLUX_UCD, "Energy flux from 100 MeV to 100 GeV"),
    ("Unc_Energy_Flux100", "E", _EFLUX, "E10.4", _EFLUX_UCD + _ERR, "1-sigma error of Energy_Flux100"),
    ("SpectrumType", "17A", "", "", "meta.code.class", "PowerLaw, LogParabola or PLSuperExpCutoff"),
    ("PL_Flux_Density", "E", _DENSITY, "E10.4", _DENSITY_UCD, "Power law: flux density at Pivot_Energy"),
    ("Unc_PL_Flux_Density", "E", _DENSITY, "E10.4", _DENSITY_UCD + _ERR, "1-sigma error of PL_Flux_Density"),
    ("PL_Index", "E", "", "F8.4", "spect.index", "Power law: photon index"),
    ("Unc_PL_Index", "E", "", "F8.4", "spect.index" + _ERR, "1-sigma error of PL_Index"),
    ("LP_Flux_Density", "E", _DENSITY, "E10.4", _DENSITY_UCD, "Log-parabola: flux density at Pivot_Energy"),
    ("Unc_LP_Flux_Density", "E", _DENSITY, "E10.4", _DENSITY_UCD + _ERR, "1-sigma error of LP_Flux_Density"),
    ("LP_Index", "E", "", "F8.4", "spect.index", "Log-parabola: photon index at Pivot_Energy"),
    ("Unc_LP_Index", "E", "", "F8.4", "spect.index" + _ERR, "1-sigma error of LP_Index"),
    ("LP_beta", "E", "", "F8.4", "spect.index", "Log-parabola: curvature (beta, natural logarithms)"),
    ("Unc_LP_beta", "E", "", "F8.4", "spect.index" + _ERR, "1-sigma error of LP_beta"),
    ("LP_SigCurv", "E", "", "F8.3", "stat.snr", "Significance in sigma of log-parabola over power law"),
    ("LP_EPeak", "E", "MeV", "F10.2", "em.energy", "Log-parabola: energy of the peak of nuFnu"),
    ("Unc_LP_EPeak", "E", "MeV", "F10.2", "em.energy" + _ERR, "1-sigma error of LP_EPeak"),
    ("PLEC_Flux_Density", "E", _DENSITY, "E10.4", _DENSITY_UCD, "Exponential cutoff: flux density at Pivot_Energy"),
    ("Unc_PLEC_Flux_Density", "E", _DENSITY, "E10.4", _DENSITY_UCD + _ERR, "1-sigma error of PLEC_Flux_Density"),
    ("PLEC_IndexS", "E", "", "F8.4", "spect.index", "Exponential cutoff: photon index at Pivot_Energy"),
    ("Unc_PLEC_IndexS", "E", "", "F8.4", "spect.index" + _ERR, "1-sigma error of PLEC_IndexS"),
    ("PLEC_ExpfactorS", "E", "", "F8.5", "spect.index", "Exponential cutoff: curvature at Pivot_Energy"),
    ("Unc_PLEC_ExpfactorS", "E", "", "F8.5", "spect.index" + _ERR, "1-sigma error of PLEC_ExpfactorS"),
    ("PLEC_Exp_Index", "E", "", "F8.4", "spect.index", "Exponential cutoff: index of the exponential"),
    ("Unc_PLEC_Exp_Index", "E", "", "F8.4", "spect.index" + _ERR, "1-sigma error of PLEC_Exp_Index"),
    ("PLEC_SigCurv", "E", "", "F8.3", "stat.snr", "Significance in sigma of cutoff over power law"),
    ("PLEC_EPeak", "E", "MeV", "F10.2", "em.energy", "Exponential cutoff: energy of the peak of nuFnu"),
    ("Unc_PLEC_EPeak", "E", "MeV", "F10.2", "em.energy" + _ERR, "1-sigma error of PLEC_EPeak"),
    ("Npred", "E", "", "F10.2", "phot.count", "Counts predicted by the model"),
    ("Flux_Band", "8E", _FLUX, "", _FLUX_UCD, "Photon flux in the bands of the HDU EnergyBounds", (8,)),
    ("Unc_Flux_Band", "16E", _FLUX, "", _FLUX_UCD + _ERR, "Lower (NaN: an upper limit) and upper 1-sigma error of Flux_Band", (8, 2)),
    ("nuFnu_Band", "8E", _EFLUX, "", _DENSITY_UCD, "Spectral energy distribution in the bands", (8,)),
    ("Sqrt_TS_Band", "8E", "", "", "stat.snr", "Square root of TS in the bands", (8,)),
    ("Variability_Index", "E", "", "F10.4", "src.var.index;stat.fit.chi2", "Twice the log-likelihood ratio, varying over steady flux"),
    ("Frac_Variability", "E", "", "F7.4", "src.var.amplitude", "Fractional variability"),
    ("Unc_Frac_Variability", "E", "", "F7.4", "src.var.amplitude" + _ERR, "1-sigma error of Frac_Variability"),
    ("Signif_Peak", "E", "", "F8.3", "stat.snr", "Significance in sigma in the interval of peak flux"),
    ("Flux_Peak", "E", _FLUX, "", _FLUX_UCD, "Photon flux in the interval of peak flux"),
    ("Unc_Flux_Peak", "E", _FLUX, "", _FLUX_UCD + _ERR, "1-sigma error of Flux_Peak"),
    ("Time_Peak", "D", "s", "", "time.epoch", "Middle of the interval of peak flux, mission elapsed time"),
    ("Peak_Interval", "E", "s", "", "time.interval", "Length of the interval of peak flux"),
    ("Flux_History", "14E", _FLUX, "", _FLUX_UCD, "Photon flux in the intervals of the HDU Hist_Start", (14,)),
    ("Unc_Flux_History", "28E", _FLUX, "", _FLUX_UCD + _ERR, "Lower (NaN: an upper limit) and upper error of Flux_History", (14, 2)),
    ("Sqrt_TS_History", "14E", "", "", "stat.snr", "Square root of TS in the intervals", (14,)),
    ("ASSOC_4FGL", "18A", "", "", _ASSOC, "The 4FGL source at this position"),
    ("ASSOC_FGL", "18A", "", "", _ASSOC, "The FGL source (of any release) at this position"),
    ("ASSOC_FHL", "18A", "", "", _ASSOC, "The FHL source at this position"),
    ("ASSOC_GAM1", "18A", "", "", _ASSOC, "The source of another gamma-ray catalog at this position"),
    ("ASSOC_GAM2", "18A", "", "", _ASSOC, "The same of a second catalog"),
    ("ASSOC_GAM3", "18A", "", "", _ASSOC, "The same of a third catalog"),
    ("TEVCAT_FLAG", "A", "", "", "meta.code", "TeVCat: P point-like, E extended, N none"),
    ("ASSOC_TEV", "30A", "", "", _ASSOC, "Name in TeVCat"),
    ("CLASS1", "5A", "", "", "src.class", "Class of ASSOC1; capitals for an identification"),
    ("CLASS2", "10A", "", "", "src.class", "Class of ASSOC2"),
    ("ASSOC1", "28A", "", "", _ASSOC, "Name of the counterpart"),
    ("ASSOC2", "30A", "", "", _ASSOC, "Another name, or another possible counterpart"),
    ("ASSOC_PROB_BAY", "E", "", "F6.4", "stat.probability", "Probability that this is a known source, the likeliest named"),
    ("ASSOC_PROB_LR", "E", "", "F6.4", "stat.probability", "Probability of the association, 4FGL's likelihood ratio"),
    ("RA_Counterpart", "D", "deg", "F8.4", "pos.eq.ra", "Right ascension of ASSOC1"),
    ("DEC_Counterpart", "D", "deg", "F8.4", "pos.eq.dec", "Declination of ASSOC1"),
    ("Unc_Counterpart", "E", "deg", "F8.5", "pos.errorEllipse;stat.error", "95 % position error of ASSOC1"),
    ("Flags", "I", "", "", "meta.code.qual", "Analysis flags of 4FGL (bits)"),
    ("ML_Prob", "E", "", "F6.4", "stat.probability", "Calibrated probability that a real source is there"),
    ("ML_Prob_AGN", "E", "", "F6.4", "stat.probability", "Probability of a real source of class AGN"),
    ("ML_Prob_PSR", "E", "", "F6.4", "stat.probability", "Probability of a real source of class PSR"),
    ("ML_Prob_SNR", "E", "", "F6.4", "stat.probability", "Probability of a supernova remnant or nebula; 0 if not told"),
    ("ML_Prob_OTH", "E", "", "F6.4", "stat.probability", "Probability of a real source of another class; 0 if not told"),
    ("ML_Prob_BLL", "E", "", "F6.4", "stat.probability", "Probability of a BL Lac, a part of ML_Prob_AGN"),
    ("ML_Prob_FSRQ", "E", "", "F6.4", "stat.probability", "Probability of an FSRQ, the other part of ML_Prob_AGN"),
    ("ML_Prob_FAKE", "E", "", "F6.4", "stat.probability", "Probability that no source is there: 1 - ML_Prob"),
    ("ML_Class", "4A", "", "", "src.class", "The likeliest of AGN, PSR, SNR, OTH; FAKE if ML_Prob_FAKE > 0.5"),
    ("ML_TS", "E", "", "F10.3", "stat.likelihood", "Local TS of the photometry, from counts alone"),
    ("ML_Flux_Band", "5E", _FLUX, "", _FLUX_UCD, "Photon flux in 0.5-1, 1-2, 2-7, 7-20 and >20 GeV", (N_ML_BANDS,)),
    ("Unc_ML_Flux_Band", "5E", _FLUX, "", _FLUX_UCD + _ERR, "1-sigma error of ML_Flux_Band", (N_ML_BANDS,)),
    ("ML_Flux_Low", "E", _FLUX, "", _FLUX_UCD, "Photon flux in 0.1-0.5 GeV; NaN if the data do not reach there"),
    ("Unc_ML_Flux_Low", "E", _FLUX, "", _FLUX_UCD + _ERR, "1-sigma error of ML_Flux_Low"),
    ("ML_Model", "24A", "", "", "meta.id", "The network that found the source"),
    ("ML_Localizer", "12A", "", "", "meta.id", "The localizer that gave the position"),
    ("ML_Flags", "I", "", "", "meta.code.qual", "1 edge 2 TS<9 4 near 8 gas 16 IRF 32 exp 64 alt 1024 end 2048 fit"),
    ("ML_Ext_Size", "E", "deg", "F8.4", "phys.angSize", "Radius, where the network or photometry has one; 0: a point"),
    ("ML_Prob_Blend", "E", "", "F6.4", "stat.probability", "Probability that the row was two sources; both have it once split"),
    ("TS", "E", "", "F10.3", "stat.likelihood", "Test statistic of the likelihood fit"),
    ("TS_Engine", "8A", "", "", "meta.software", "The engine that gave TS: gammapy or fermipy"),
)  # fmt: skip

COLUMNS = {line[0]: Column(*line) for line in _LINES}
HISTORY_COLUMNS = ("Flux_History", "Unc_Flux_History", "Sqrt_TS_History")
BAND_COLUMNS = ("Flux_Band", "Unc_Flux_Band", "nuFnu_Band", "Sqrt_TS_Band")


def sized_columns(table):
    """List all columns; light curves have as many intervals as those of `table`, 4FGL-DR4's 14
    where it has none.

    Raises
    ------
    InputError
        If its three columns of light curves differ in their intervals.
    """
    counts = {name: table[name].shape[1] for name in HISTORY_COLUMNS
              if name in table.colnames and table[name].ndim > 1}  # fmt: skip
    if len(set(counts.values())) > 1:
        raise InputError(f"light curves differ in their number of intervals: {counts}")
    count = next(iter(counts.values()), None)
    if count is None:
        return list(COLUMNS.values())
    return [column.with_intervals(count) if column.name in HISTORY_COLUMNS else column
            for column in COLUMNS.values()]  # fmt: skip


def unit_problem(name, given, expected):
    """Compose the message about a column with a unit that cannot be this column's."""
    wanted = f"a unit like {expected!r}" if expected else "no unit"
    return f"column {name} has unit {str(given)!r}, expected {wanted}"


def cell_names(name, shape):
    """Name the numbers of an array column: Flux_Band_1 ..., Unc_Flux_Band_1_1 ..."""
    return ["_".join([name, *(str(i + 1) for i in index)]) for index in np.ndindex(*shape)]
