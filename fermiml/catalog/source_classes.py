"""The classes of sources that fermiml tells, and the words of 4FGL that belong to each."""

import numpy as np

KINDS = ("BLL", "FSRQ", "PSR", "SNR", "OTH")  # what a spectrum is compared with
AGN = KINDS[:2]  # together they are ML_Prob_AGN
CLASSES = ("AGN", *KINDS[2:])  # what ML_Class says of a source

# CLASS1 of 4FGL in lower case; an association only (`bcu`, `unk`) is no class of these.
MEMBERS = {
    "BLL": ("bll",),
    "FSRQ": ("fsrq",),
    "PSR": ("psr", "msp"),
    "SNR": ("snr", "pwn", "spp"),
    "OTH": ("rdg", "nlsy1", "ssrq", "css", "sey", "agn", "glc", "hmb", "lmb", "bin", "nov", "sbg",
            "gal", "sfr", "gc", "other"),
}  # fmt: skip
_KIND_OF = {word: kind for kind, words in MEMBERS.items() for word in words}


def kinds_of(class1):
    """Return the kind of each source from its CLASS1, blank where that is none of them."""
    words = (str(word).strip().lower() for word in class1)
    return np.array([_KIND_OF.get(word, "") for word in words], "U4")


def class_of(kind):
    """Return the classes of ML_Class that hold some kinds."""
    kind = np.asarray(kind)
    return np.where(np.isin(kind, AGN), CLASSES[0], kind)
