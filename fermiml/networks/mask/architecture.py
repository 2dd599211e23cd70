"""Mask R-CNN: compact and extended sources as instances, each with its own pixels."""

from fermiml.errors import InputError
from fermiml.features.patch_features import N_FEATURES
from fermiml.networks import targets, unet
from fermiml.networks.mask import found_instances, instance_targets, region_grids, region_losses
from fermiml.networks.mask.region_grids import ARTEFACT, EXTENDED, PULSAR
from fermiml.schema import flag

SUMMARY = "Mask R-CNN: compact and extended sources as instances"
OPTIONS = {
    **unet.OPTIONS,
    "artefacts": False,  # whether clumps of gas are a kind of their own
    "classes": False,  # whether pulsars are
}
VECTORS = ()
LOCALIZER = "instances"  # the network is its own
RADIUS = targets.DISC


def check(options):
    """Raise InputError if the options do not define a valid network."""
    for name in ("artefacts", "classes"):
        flag(f"architecture.{name}", options[name])
    unet.check({name: options[name] for name in unet.OPTIONS})
    if len(options["widths"]) > len(region_grids.KEPT):
        raise InputError(
            f"architecture.widths: at most {len(region_grids.KEPT)} scales for this network"
        )


def build(artefacts=False, classes=False, **options):
    """Build the network: the pyramid is that of the U-Net, so that its weights can start here."""
    import keras

    from fermiml.networks.mask.stages import InstanceStage, ProposalStage

    inputs = keras.layers.Input((None, None, N_FEATURES), name="features")
    maps = unet.pyramid(inputs, **{**unet.OPTIONS, **options})
    proposals = ProposalStage(len(maps), name="proposals")(maps)
    kinds = 1 + (PULSAR if classes else ARTEFACT if artefacts else EXTENDED)
    found = InstanceStage(len(maps), kinds, name="instances")([maps, proposals])
    return keras.Model(inputs, {"instances": found, "proposals": proposals})


def make_targets(patch, widths=OPTIONS["widths"], artefacts=False, classes=False, **_):
    """Make the targets: the sources as a list, and on the cells of all levels."""
    sources = instance_targets.table(patch, artefacts, classes)
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
