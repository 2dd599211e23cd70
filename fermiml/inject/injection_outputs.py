"""The results of an injection as files, figures and text."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from astropy.io import fits

from fermiml.files import replacing, write_json
from fermiml.inject.rounds import ENOUGH


def write(result, folder):
    """Write table, maps, summary and figures of an `InjectionResult` to a folder."""
    folder = Path(folder)
    result.sources.write(folder / "injected.fits", overwrite=True)
    write_json(folder / "summary.json", asdict(result.summary), overwrite=True)
    hdus = [fits.PrimaryHDU()]
    for level, image in result.sensitivity.items():
        hdu = fits.ImageHDU(image.data.astype("f4"), image.geom.to_header(), f"S1_{level:.0%}"[:-1])
        hdu.header["BUNIT"] = "cm-2 s-1"
        hdu.header["COMMENT"] = f"photon flux, 1-100 GeV, at which {level:.0%} are found"
        hdus.append(hdu)
    with replacing(folder / "sensitivity.fits", overwrite=True) as temporary:
        fits.HDUList(hdus).writeto(temporary)
    draw(result, folder)


def draw(result, folder):
    """Draw completeness.png and sensitivity.png."""
    from fermiml.plot import performance, sky, style

    figure = style.new_figure(9, 4)
    axes = figure.subplots(1, 2, sharey=True)
    summary = result.summary
    for ax, curve, bins, key, xlabel in (
        (
            axes[0],
            summary.curve_by_flux,
            summary.completeness_by_flux,
            "S1",
            "flux, 1-100 GeV (ph cm$^{-2}$ s$^{-1}$)",
        ),
        (axes[1], summary.curve_by_ts, summary.completeness_by_ts, "TS", "expected TS"),
    ):
        performance.plot_curve(curve, ax, key=key)
        performance.plot_fractions({summary.spectra: bins}, ax, key=key,
                                xlabel=xlabel, joined=False)  # fmt: skip
    axes[1].set_ylabel("")
    style.save(figure, folder / "completeness.png", overwrite=True)
    figure = style.new_figure(13, 5)
    for number, (level, image) in enumerate(result.sensitivity.items()):
        ax = figure.add_subplot(1, len(result.sensitivity), number + 1, projection=image.geom.wcs)
        sky.plot_image(image, ax, cmap="viridis_r", label="ph cm$^{-2}$ s$^{-1}$, 1-100 GeV")
        sky.plot_sources(result.detected, ax, color="white")
        ax.set_title(f"flux at {level:.0%} completeness")
    style.save(figure, folder / "sensitivity.png", overwrite=True)


def describe(result):
    """Describe a result in a few lines for the terminal."""
    summary = result.summary
    lines = [
        f"injected {summary.injected} sources ({summary.spectra}) in {summary.rounds} "
        f"rounds, found {summary.found}",
        f"{'expected TS':<14}{'completeness (68 % interval)':>32}",
    ]
    for ts, values in summary.completeness_at_ts.items():
        lines.append(f"{ts:<14}{_told(values, '.2f'):>32}")
    lines.append(f"{'completeness':<14}{'expected TS':>32}{'median flux (1-100 GeV)':>38}")
    for level, values in summary.ts_at_completeness.items():
        flux = summary.flux_at_completeness[level]
        lines.append(f"{float(level):<14.0%}{_told(values, '.1f'):>32}{_told(flux, '.2e'):>38}")
    if summary.injected < ENOUGH:
        each = max(summary.injected // summary.rounds, 1)
        lines.append(f"{summary.injected} sources are too few for these numbers: use --rounds "
                     f"{-(-ENOUGH // each)}")  # fmt: skip
    return "\n".join([*lines, *_describe_false(summary)])


def _describe_false(summary):
    """Describe how many detections are expected to be false, by ML_Prob."""
    modelled = summary.false.in_background is not None
    yield (f"{'ML_Prob':<14}{'detections, no injection':>32}{'expected to be false':>24}"
           + (f"{'background alone':>20}" if modelled else ""))  # fmt: skip
    for row in summary.false.by_bin:
        low, high = row["ML_Prob"]
        yield _false_line(f"{low:g} to {high:g}", row["detections"], row)
    yield _false_line("all", summary.detections, asdict(summary.false))


def _false_line(name, detections, false):
    line = f"{name:<14}{detections:>32}{false['by_probability']:>24.1f}"
    alone = false["in_background"]
    return line if alone is None else f"{line}{alone:>20.1f}"


def _told(values, form):
    """Format a number with its interval, as far as they are known."""
    best, low, high = (np.nan if v is None else v for v in values)
    if not np.isfinite(best):
        return "-"
    if not np.isfinite(low):
        return f"{best:{form}} (uncertain)"
    return f"{best:{form}} ({low:{form}} to {high:{form}})"
