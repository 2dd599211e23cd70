"""Mask R-CNN for LAT patches (after He et al. 2017), in which boxes are discs of known scale.

A first stage proposes regions on every level of a feature pyramid: compact ones on the finest,
where a region is as wide as the PSF, extended ones on the coarser levels, whose regions are 2, 4
and 8 times as wide. A second stage looks at the features within each region: it says what is there,
moves and resizes the region, and paints the pixels that belong to it.

`architecture.py` is the network as `fermiml train` and `fermiml detect` know it, `region_grids.py`
the geometry, `stages.py` the two stages as Keras layers, `instance_targets.py` what they should
say, `region_losses.py` the losses, `found_instances.py` what the network found.
"""
