"""Figures in fermipy's style."""

_MARKS = {"new": ("o", "lime"), "known": ("s", "cyan"), "rejected": ("x", "yellow")}


def seeds_on_counts(gta, result, path):
    """The counts with the sources of the ROI (crosses) and the seeds by status."""
    import matplotlib.pyplot as plt
    from fermipy.plotting import ROIPlotter

    options = gta.config["plotting"]
    figure = plt.figure(figsize=options["figsize"])
    plotter = ROIPlotter(gta.counts_map(), roi=gta.roi, cmap=options["cmap"])
    plotter.plot(cb_label="Counts", zscale="sqrt", label_ts_threshold=None)
    for status in dict.fromkeys(peak["status"] for peak in result["peaks"]):
        shape, colour = _MARKS.get(status, ("d", "red"))
        for peak in result["peaks"]:
            if peak["status"] == status:
                x, y = peak["skydir"].to_pixel(plotter.geom.wcs)
                plt.gca().plot(x, y, shape, mec=colour, mfc="none", ms=10, label=status)
    handles, labels = plt.gca().get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    if once:
        plt.gca().legend(once.values(), once.keys(), loc="upper right")
    figure.savefig(f"{path}_counts.{options['format']}")
    plt.close(figure)
