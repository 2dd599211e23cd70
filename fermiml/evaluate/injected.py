"""The results of an injection as files, figures and text."""

from pathlib import Path

from astropy.io import fits

from fermiml.files import replacing, write_json


def write(result, folder):
    """Write the table, the maps, the summary and the figures of an `Injected` to a folder."""
    folder = Path(folder)
    result.sources.write(folder / "injected.fits", overwrite=True)
    write_json(folder / "summary.json", result.summary, overwrite=True)
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
    """completeness.png and sensitivity.png."""
    from fermiml.plot import performance, sky, style

    figure = style.new_figure(9, 4)
    axes = figure.subplots(1, 2, sharey=True)
    name = result.summary["class"]
    performance.plot_shares({name: result.summary["completeness by flux"]}, axes[0], key="S1",
                            xlabel="flux, 1-100 GeV (ph cm$^{-2}$ s$^{-1}$)")  # fmt: skip
    performance.plot_shares({name: result.summary["completeness by expected TS"]}, axes[1],
                            xlabel="expected TS", ylabel="")  # fmt: skip
    style.save(figure, folder / "completeness.png", overwrite=True)
    figure = style.new_figure(13, 5)
    for number, (level, image) in enumerate(result.sensitivity.items()):
        ax = figure.add_subplot(1, len(result.sensitivity), number + 1, projection=image.geom.wcs)
        sky.plot_image(image, ax, cmap="viridis_r", label="ph cm$^{-2}$ s$^{-1}$, 1-100 GeV")
        sky.plot_sources(result.detected, ax, color="white")
        ax.set_title(f"flux at {level:.0%} completeness")
    style.save(figure, folder / "sensitivity.png", overwrite=True)


def describe(result):
    """A few lines for the terminal."""
    summary = result.summary
    lines = [
        f"injected {summary['injected']} sources ({summary['class']}) in {summary['rounds']} "
        f"rounds, found {summary['found']}",
        f"{'completeness':<14}{'expected TS':>12}{'median flux (1-100 GeV)':>26}",
    ]
    for level, ts in summary["expected TS at a completeness"].items():
        flux = summary["median flux at a completeness"][level]
        known = flux is not None
        ts, flux = (f"{ts:.1f}", f"{flux:.2e}") if known else ("-", "-")
        lines.append(f"{float(level):<14.0%}{ts:>12}{flux:>26}")
    expected = ", ".join(f"{v:.1f} {k}" for k, v in summary["false sources expected"].items())
    number = summary["detections without injection"]
    lines.append(
        f"without injection: {number} detections, of which expected to be false: {expected}"
    )
    return "\n".join(lines)
