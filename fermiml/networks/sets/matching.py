"""Matching of sources with predictions, one to one, where the predictions are: in the loss.

The Hungarian algorithm runs on the host and in sequence. The auction of Bertsekas (1979) finds the
same assignment, up to a step in price for each source, and consists of operations on whole arrays:
sources that have no prediction bid for the one that is worth most to them, and the highest bid of
each takes it away from whoever had it.
"""

STEP = 0.05  # by which a bid exceeds the second-best offer, in units of the cost
_ROUNDS = 300  # after which sources without a prediction stay without one
_NOTHING = -1e9


def assigned(cost, present):
    """Assign predictions to sources such that the total cost is least.

    Parameters
    ----------
    cost : array (batch, source, prediction)
        At least as many predictions as sources that are present.
    present : array (batch, source)
        Zero for rows that are no sources.

    Returns
    -------
    array (batch, source, prediction)
        One where the two belong together; no gradient flows through it.
    """
    from keras import ops

    value = -ops.stop_gradient(cost)
    number, choices = ops.shape(value)[1], ops.shape(value)[2]
    present = present > 0

    def is_free(owner):
        return present & (ops.max(owner, axis=-1) < 0.5)

    def goes_on(price, owner):
        return ops.any(is_free(owner))

    def bid(price, owner):
        net, wanted = ops.top_k(value - price, 2)
        chosen = ops.one_hot(wanted[..., 0], choices)
        offer = ops.sum(chosen * value, axis=-1) - net[..., 1] + STEP
        is_bid = (chosen > 0) & is_free(owner)[..., None]
        offers = ops.where(is_bid, offer[..., None], _NOTHING)
        highest = ops.max(offers, axis=1, keepdims=True)
        sold = ops.cast(highest > 0.5 * _NOTHING, "float32")
        winner = ops.one_hot(ops.argmax(offers, axis=1), number, axis=1)
        return sold * highest + (1 - sold) * price, sold * winner + (1 - sold) * owner

    start = ops.zeros_like(value[:, :1]), ops.zeros_like(value)
    _, owner = ops.while_loop(goes_on, bid, start, maximum_iterations=_ROUNDS)
    return ops.stop_gradient(owner)
