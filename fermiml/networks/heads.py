"""Networks of maps: a trunk, and heads that say something of every pixel."""

from fermiml.features.patch_features import N_FEATURES


def model(heads, trunk, planes=N_FEATURES):
    """Build a model from features to named maps of logits or values.

    Parameters
    ----------
    heads : dict
        Name to (number of channels, initial value of every pixel).
    trunk : callable
        Makes the map at full resolution that the heads read of the features (batch, y, x, plane).
    planes : int
        Number of features.
    """
    import keras
    from keras import layers

    inputs = layers.Input((None, None, planes), name="features")
    x = trunk(inputs)
    outputs = {
        name: layers.Conv2D(
            channels,
            1,
            name=name,
            dtype="float32",
            bias_initializer=keras.initializers.Constant(start),
        )(x)
        for name, (channels, start) in heads.items()
    }
    return keras.Model(inputs, outputs)
