"""The result of a comparison: who found what, and how much of it one likelihood confirms."""

from dataclasses import dataclass, field
from html import escape

import numpy as np

from fermiml.catalog.catalog import SourceCatalog
from fermiml.wording import counted

THRESHOLD = 25.0  # TS
BOTH, ML, TRADITIONAL = FOUND_BY = ("both", "ML", "traditional")
# False sources per 1000 deg2 of source-free skies with the true diffuse model, measured by
# benchmarks/likelihood/known_truth.py (`false`): above a TS in the fit of all maxima, and in the
# list of traditional detection. None of 4000 deg2 exceeded 25; the last two show how the tail
# falls.
_FALSE_TS, _FALSE_RATE = (9.0, 16.0, 20.0), (51.0, 8.0, 2.0)
_FALSE_TRADITIONAL = 19.0


@dataclass
class ComparisonResult:
    """The sources found by a network and by traditional detection, fitted in one likelihood.

    Attributes
    ----------
    catalog : SourceCatalog
        All sources found by either method, with the results of the final fit. Additional columns
        are Found_By (both, ML, traditional), Name_Traditional and TS_Traditional (from traditional
        detection), Sep_Both and Sigma_Both (separation of the two positions, in deg and in units of
        their joint error), Sigma_Final_ML and Sigma_Final_Traditional (distance of each from the
        final position, in units of its own error), and TS_Alt with a second diffuse model.
    ml, traditional : SourceCatalog
        The two lists before the fit.
    known : astropy Table or None
        Known sources in the data, with the expected TS of each and the methods that found it.
    seconds : dict
        Wall times by step; NaN for steps whose result was given.
    area : float
        Observed deg2.
    threshold : float
        The TS that counts as a detection.
    """

    cube: object
    catalog: SourceCatalog
    ml: SourceCatalog
    traditional: SourceCatalog
    known: object = None
    seconds: dict = field(default_factory=dict)
    area: float = np.nan
    threshold: float = THRESHOLD
    background: str = ""
    alternative: str = ""

    def __repr__(self):
        who = ", ".join(f"{self.found_by(which).sum()} {which}" for which in FOUND_BY)
        return (
            f"<ComparisonResult: {counted(len(self.catalog), 'source')} in {self.area:.0f} deg2 "
            f"({who}), {self.detected.sum()} with TS > {self.threshold:g}>"
        )

    def _repr_html_(self):
        heads = ["found by", "sources", f"TS > {self.threshold:g}"]
        columns = [np.ones(len(self.catalog), bool), self.detected]
        if self.survives is not None:
            heads.append("also with the second diffuse model")
            columns.append(self.survives)
        whose = [(which, self.found_by(which)) for which in FOUND_BY]
        whose.append(("all", self.found_by(*FOUND_BY)))
        lines = [(which, *((rows & c).sum() for c in columns)) for which, rows in whose]
        text = f"{self.area:.0f} deg<sup>2</sup>; background: {escape(self.background)}"
        if self.alternative:
            text += f"; second diffuse model: {escape(self.alternative)}"
        return (
            f"<table><caption>Comparison: {text}</caption>{_html_row('th', heads)}"
            f"{''.join(_html_row('td', line) for line in lines)}</table>"
        )

    @property
    def table(self):
        """The table of all sources."""
        return self.catalog.table

    def found_by(self, *which):
        """Mask of the rows that were found by any of these."""
        return np.isin(np.asarray(self.catalog.table["Found_By"]), which)

    @property
    def detected(self):
        """Mask of the rows whose final TS exceeds the threshold."""
        return np.asarray(self.catalog.table["TS"], float) > self.threshold

    @property
    def survives(self):
        """Mask of the rows that also exceed it with the second diffuse model; None without one."""
        if not self.alternative:
            return None
        return self.detected & (np.asarray(self.catalog.table["TS_Alt"], float) > self.threshold)

    @property
    def expected_false(self):
        """Expected number of false sources in each list.

        `ML` is the sum of 1 - ML_Prob. `traditional` and `noise` are due to Poisson noise alone: in
        the traditional list, and above the TS threshold in the final fit.
        """
        probability = np.asarray(self.ml.table["ML_Prob"], float)
        return {
            "ML": float(np.sum(1 - probability)) if np.all(np.isfinite(probability)) else np.nan,
            "traditional": _FALSE_TRADITIONAL / 1000 * self.area,
            "noise": false_rate(self.threshold) * self.area,
        }


def false_rate(threshold):
    """Estimate the number of false sources per deg2 above a TS, from noise alone."""
    logs = np.log(_FALSE_RATE)
    fall = (logs[-1] - logs[-2]) / (_FALSE_TS[-1] - _FALSE_TS[-2])
    beyond = fall * max(threshold - _FALSE_TS[-1], 0.0)
    return float(np.exp(np.interp(threshold, _FALSE_TS, logs) + beyond)) / 1000


def _html_row(kind, cells):
    return f"<tr>{''.join(f'<{kind}>{cell}</{kind}>' for cell in cells)}</tr>"
