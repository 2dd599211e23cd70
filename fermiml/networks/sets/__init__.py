"""A set predictor: a transformer whose queries answer with one source each (after DETR, 2020).

`set_predictor.py` is the network as `fermiml train` and `fermiml detect` know it, `queries.py` the
transformer as a Keras layer, `matching.py` which query answers for which source in the loss.
"""
