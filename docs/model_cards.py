"""Write the model cards, models.md and a page of each shipped network in models/, from their files.

    python docs/model_cards.py

All that a card says comes from the folder of the network (model.yaml, recipe.yaml, curve.csv,
weights.npz), so that it cannot be outdated; tests/networks/test_model_cards.py compares them.
"""

import csv
from pathlib import Path

import numpy as np

from fermiml.features.patch_features import N_ALL, N_FEATURES
from fermiml.networks import description, get_architecture, looks_low, pretrained

FOLDER = Path(__file__).parent
OUTPUTS = {
    "heatmap": "logits of source centres",
    "offset": "(x, y) from the middle of a pixel to the centre, pixels",
    "strength": "half the log10 of the Asimov TS",
    "segmentation": "logits of discs around sources",
    "vector": "(x, y) to the nearest centre, pixels",
}
INDEX = """\
<!-- written by docs/model_cards.py -->
# The networks

`fermiml models` lists the networks that come with fermiml, `fermiml models NAME` prints the
description of one, and `--model NAME` selects it. Those of [other packages](extending.md) are in
the same list; [other architectures](architectures.md) can be trained. The table gives the
completeness for Asimov TS > 25 at 95 % purity on 920 sources of the selection skies, with
photometry and the network's own localizer ([what that means](benchmarks.md)).

| network | best at | completeness | weights |
|---|---|---|---|
{rows}

```{{toctree}}
:hidden:

{pages}
```

(onnx)=
## In other programs: ONNX

<!-- not run: needs onnx -->
```sh
fermiml models export lat-best -o lat-best.onnx
```

writes a network to an ONNX file (it needs the package `onnx`: `pip install 'fermiml[onnx]'`), which
runs wherever there is an ONNX runtime: C++, C#, Java, JavaScript, Rust. Answers agree with those of
the network in Keras within 1e-4 (`tests/networks/test_onnx_graph.py`, with onnxruntime).

```python
import numpy as np
from fermiml.features.patch_features import N_FEATURES

features = np.zeros((1, 128, 128, N_FEATURES), "float32")  # (patch, y, x, feature)
```

<!-- not run: needs onnxruntime -->
```python
import onnxruntime

session = onnxruntime.InferenceSession("lat-best.onnx")
heatmap, offset, strength = session.run(["heatmap", "offset", "strength"], {{"features": features}})
```

The input is the [features](detect.md#from-counts-to-features) of patches with pixels of 0.1 deg, in
the order (patch, y, x, feature); any number of patches, of any size divisible by the smallest scale
of the network. The outputs are those that the card of each network lists, before any averaging over
[turns](detect.md); outputs that are logits become probabilities by 1 / (1 + exp(-x)). What fermiml
does before and after (features, localizer, photometry, calibration) is not in the file. `lat-mask`,
whose outputs are no maps, has no ONNX form; a network of your own has one if its `network` is
`heatmap`, `multi`, `unek`, `centroid` or `direction`: give the name of its folder.
"""
SKIES, LOW_SKIES = "17 selection skies", "10 selection skies from 100 MeV"
PAGE = """\
<!-- written by docs/model_cards.py -->
# {name}

{best_at}.

| | |
|---|---|
| kind | {summary} (`{network}`) |
| input | patches of {features} [features](../detect.md#from-counts-to-features) |
| outputs | {outputs} |
| scales | {scales} |
| parameters | {parameters} |
| weights | {size}, half precision, SHA-256 `{sha256}` |
| answers | {turns} |
| training | {training} |
| localizer | `{localizer}` unless another is chosen |

```sh
fermiml detect counts.fits --exposure bexpmap.fits --psf psf.fits --model {name} -o {name}.fits
```

## Operating points

The `ML_Prob` above which 95 % of the detections are real on the {skies}, and the
completeness there for sources of Asimov TS > 25; in the last two columns without photometry
(`--no-photometry`), where only the score counts.

| localizer | calibrated on | `ML_Prob` | completeness | score alone: `ML_Prob` | completeness |
|---|---|---|---|---|---|
{points}

## Training

{trained}

```yaml
{recipe}
```
{curve}
## Limits

Trained and calibrated on simulated skies, above {mev} MeV, with point sources of 4FGL's spectra. It
gives neither fluxes nor classes: these come from the [photometry](../photometry.md) and the
[classifier](../classes.md). Results on frozen test skies are in [the benchmark](../benchmarks.md);
how far probabilities hold where the sky is more structured than simulated, in
[](../probability.md) and [](../limits.md).
"""


def pages():
    """Text of every page by its path in docs/."""
    names = pretrained.names()
    rows = "\n".join(_row(name) for name in names)
    listed = "\n".join(f"models/{name}" for name in names)
    cards = {f"models/{name}.md": card(name) for name in names}
    return {"models.md": INDEX.format(rows=rows, pages=listed), **cards}


def _row(name):
    content, mark = pretrained.card(name), " (default)" if name == pretrained.DEFAULT else ""
    architecture = get_architecture(content["network"])
    own = content["operating"][architecture.LOCALIZER]["photometry"]
    found = f"{own['completeness']:.2f}"
    if looks_low(architecture):
        found += f" ({own['sources']} sources, from 100 MeV)"
    cells = f"[{name}](models/{name}.md){mark}", content["best_at"], found, _size(name)
    return f"| {' | '.join(cells)} |"


def card(name):
    """Text of the page of one network."""
    folder, content = pretrained.locate(name), pretrained.card(name)
    architecture, options = get_architecture(content["network"]), description.options(content)
    return PAGE.format(
        name=name,
        best_at=content["best_at"][0].upper() + content["best_at"][1:],
        summary=architecture.SUMMARY,
        network=content["network"],
        features=N_ALL if looks_low(architecture) else N_FEATURES,
        skies=LOW_SKIES if looks_low(architecture) else SKIES,
        mev=100 if looks_low(architecture) else 500,
        outputs=_outputs(name, architecture),
        scales=f"{len(options['widths'])}, of {', '.join(map(str, options['widths']))} channels",
        parameters=f"{_parameters(folder):,}",
        size=_size(name),
        sha256=content["sha256"],
        turns=_turns(content.get("turns", 1)),
        training=pretrained.headline(content)[0].removeprefix("trained on "),
        localizer=architecture.LOCALIZER,
        points="\n".join(_point(*point) for point in content["operating"].items()),
        trained=pretrained.headline(content)[0].capitalize() + ". The recipe:",
        recipe=(folder / "recipe.yaml").read_text(encoding="utf-8").rstrip(),
        curve=_curve(folder),
    )


def _outputs(name, architecture):
    """Names, numbers of channels and meaning of the maps that a network answers with."""
    if not hasattr(architecture, "read"):
        return "regions, their kinds and masks"
    heads = pretrained.load(name).model.heads
    return "; ".join(f"`{head}` ({len(layer.bias)}): {OUTPUTS[head]}"
                     for head, layer in heads.items())  # fmt: skip


def _turns(number):
    if number == 1:
        return "those of one orientation"
    return f"mean over {number} quarter turns, each with another position on the grid"


def _point(localizer, modes):
    measured, alone = modes["photometry"], modes["score"]
    used = ("score and TS", "score, TS, background and extension")[len(measured["slopes"]) > 2]
    numbers = (f"{p[key]:.3f}" for p in (measured, alone) for key in ("threshold", "completeness"))
    return f"| {' | '.join((f'`{localizer}`', used, *numbers))} |"


def _parameters(folder):
    """Number of the weights; the file has no other arrays of numbers by number."""
    with np.load(folder / "weights.npz", allow_pickle=False) as stored:
        return sum(stored[name].size for name in stored.files if name.isdigit())


def _size(name):
    return f"{(pretrained.locate(name) / 'weights.npz').stat().st_size / 1e6:.1f} MB"


def _curve(folder):
    """What the last epoch of the training curve says."""
    rows = list(csv.DictReader((folder / "curve.csv").open(encoding="utf-8")))
    first, last = rows[0], rows[-1]
    if not first.get("selection_loss"):
        return ""
    hours = sum(float(row["seconds"]) for row in rows) / 3600
    return (
        f"\nFrom epoch {first['epoch']} to {last['epoch']} (`curve.csv`, {hours:.1f} hours), the "
        f"loss on selection patches went from {float(first['selection_loss']):.3f} to "
        f"{float(last['selection_loss']):.3f}.\n"
    )


def main():
    """Write all pages, and remove those of networks that are no longer shipped."""
    for name, text in pages().items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in (FOLDER / "models").glob("*.md"):
        if f"models/{path.name}" not in pages():
            path.unlink()


if __name__ == "__main__":
    main()
