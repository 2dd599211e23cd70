"""Progress bars: on a terminal, unless only errors are wanted there (`-q`)."""

import logging

from tqdm import tqdm


def progress_bar(items=None, what=None, total=None, *, show=True, **options):
    """Build a bar of tqdm; `show` is whether there is any reason for one."""
    loud = logging.getLogger("fermiml").isEnabledFor(logging.WARNING)
    # None lets tqdm ask whether this is a terminal.
    return tqdm(items, what, total, disable=None if show and loud else True, **options)
