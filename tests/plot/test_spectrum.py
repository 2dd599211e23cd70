"""The figure of a spectrum."""

import numpy as np
import pytest
from makers import smallskies as small

from fermiml import SourceCatalog
from fermiml.catalog.columns import BAND_EDGES
from fermiml.plot import style
from fermiml.plot.spectrum import plot_spectrum

HARD = small.power_laws([100.0, 102.0], [45.0, 45.0], [3e-10, 3e-10], index=1.6)


def test_a_spectrum_shows_its_bands_and_limits():
    """Points lie on the curve of the model; a band of TS < 1 is an arrow."""
    table = small.seeds(HARD[[0]], shapes=True).table
    flux = HARD.flux(BAND_EDGES)[0]
    table["Flux_Band"][0] = flux
    table["Unc_Flux_Band"][0] = np.stack([-0.2 * flux, 0.2 * flux], axis=-1)
    table["Unc_Flux_Band"][0, 0] = np.nan, flux[0]
    ax = plot_spectrum(table[0], style.new_figure(4, 4).add_subplot())
    curve, points = ax.lines[0].get_data(), ax.containers[0][0].get_data()
    assert len(points[0]) == 7
    on_curve = np.exp(np.interp(np.log(points[0]), np.log(curve[0]), np.log(curve[1])))
    assert points[1] == pytest.approx(on_curve, rel=0.15)
    assert len(ax.texts) == 1


def test_a_row_without_a_spectrum_can_be_drawn():
    row = SourceCatalog.from_table({"RAJ2000": [1.0], "DEJ2000": [2.0]}).table[0]
    ax = plot_spectrum(row, style.new_figure(4, 4).add_subplot())
    assert [text.get_text() for text in ax.texts] == ["no fluxes known"]


def test_no_model_is_drawn_where_there_are_no_data():
    """Data from 1 to 10 GeV."""
    table = small.seeds(HARD[[0]], shapes=True).table
    flux = HARD.flux(BAND_EDGES)[0]
    inside = slice(3, 5)  # 1-3 and 3-10 GeV
    table["Flux_Band"][0, inside] = flux[inside]
    table["Unc_Flux_Band"][0, inside, 1] = 0.2 * flux[inside]
    table["ML_Flux_Band"][0, 2], table["Unc_ML_Flux_Band"][0, 2] = 1e-10, 1e-11
    ax = plot_spectrum(table[0], style.new_figure(4, 4).add_subplot())
    energy = ax.lines[0].get_xdata()
    assert (energy[0], energy[-1]) == pytest.approx((1, 10))
    ticks = ax.xaxis.get_major_formatter().format_ticks([0.1, 1, 1000])
    assert ticks == ["0.1", "1", "1000"]
