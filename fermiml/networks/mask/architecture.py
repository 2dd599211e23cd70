"""Mask R-CNN: compact and extended sources as instances, each with its own pixels."""

from fermiml.errors import InputError
from fermiml.features.patch_features import N_FEATURES
from fermiml.networks import targets, unet
from fermiml.networks.mask import found_instances, instance_targets, region_grids, region_losses

SUMMARY = "Mask R-CNN: compact and extended sources as instances"
OPTIONS = unet.OPTIONS
VECTORS = ()
LOCALIZER = "instances"  # the network is its own
RADIUS = targets.DISC


def check(options):
    """Raise InputError if the options do not define a valid network."""
    unet.check(options)
    if len(options["widths"]) > len(region_grids.KEPT):
        raise InputError(
            f"architecture.widths: at most {len(region_grids.KEPT)} scales for this network"
        )


def build(**options):
    """Build the network: the pyramid is that of the U-Net, so that its weights can start here."""
    import keras

    from fermiml.networks.mask.stages import InstanceStage, ProposalStage

    inputs = keras.layers.Input((None, None, N_FEATURES), name="features")
    maps = unet.pyramid(inputs, **{**OPTIONS, **options})
    proposals = ProposalStage(len(maps), name="proposals")(maps)
    found = InstanceStage(len(maps), name="instances")([maps, proposals])
    return keras.Model(inputs, {"instances": found, "proposals": proposals})


def make_targets(patch, widths=OPTIONS["widths"], **_):
    """Make the targets: the sources as a list, and on the cells of all levels."""
    sources = instance_targets.table(patch)
    return {
        "instances": sources,
        "proposals": instance_targets.proposals(sources, patch.coverage, len(widths)),
    }


def make_losses(loss=None, **_):
    """Loss of each output."""
    if loss is not None:
        raise InputError("loss: this network has its own")
    return {"instances": region_losses.instances, "proposals": region_losses.proposals}


def to_instances(outputs, size, lowest):
    """Return the `fermiml.networks.patch_instances.Instances` of each patch of `size` pixels."""
    return [found_instances.of_patch(found, size, lowest) for found in outputs["instances"]]
