"""Two examples of each verb, which its help shows."""

EXAMPLES: dict[str, tuple[str, str]] = {
    "demo": (
        "baler-vae demo",
        "baler-vae demo -o /tmp/tour",
    ),
    "fit": (
        "baler-vae fit jets.root:Events -o jets.bvmodel --bound bits:10",
        "baler-vae fit 'runs/*.root:Events' -o jets.bvmodel --columns 'Jet_*'",
    ),
    "compress": (
        "baler-vae compress jets.root:Events -o jets.bvae --bound bits:10",
        "baler-vae compress 'runs/*.root:Events' -o archives/ --codec jets.bvmodel",
    ),
    "decompress": (
        "baler-vae decompress jets.bvae -o restored.root",
        "baler-vae decompress a.bvae b.bvae -o tables/ --to parquet",
    ),
    "merge": (
        "baler-vae merge run1.bvae run2.bvae -o all.bvae",
        "baler-vae merge archives/*.bvae -o all.bvae",
    ),
    "evaluate": (
        "baler-vae evaluate jets.root:Events jets.bvae -o report",
        "baler-vae evaluate jets.root:Events jets.bvae --project project.toml --strict",
    ),
    "verify": (
        "baler-vae verify jets.bvae",
        "baler-vae verify jets.bvae --against jets.root:Events",
    ),
    "info": (
        "baler-vae info jets.bvae",
        "baler-vae info https://host/jets.bvae --json",
    ),
    "run": (
        "baler-vae run project.toml",
        "baler-vae run mine --strict --force",
    ),
    "new": (
        "baler-vae new tour",
        "baler-vae new mine --input jets.root:Events",
    ),
    "advise": (
        "baler-vae advise jets.root:Events --columns 'Jet_*'",
        "baler-vae advise jets.root:Events --project project.toml --write",
    ),
    "compare": (
        "baler-vae compare a.bvae b.bvae --against jets.root:Events",
        "baler-vae compare --against jets.root:Events --bounds bits:8 --bounds bits:10",
    ),
    "explore sample": (
        "baler-vae explore sample jets.bvmodel -n 100000 -o new.root",
        "baler-vae explore sample jets.bvae -n 1000 -o new.parquet --from mixture",
    ),
    "explore latents": (
        "baler-vae explore latents jets.bvmodel jets.root:Events --page jets.html",
        "baler-vae explore latents jets.bvmodel jets.root -o out.parquet --colour nJet",
    ),
    "explore interpolate": (
        "baler-vae explore interpolate jets.bvmodel jets.root --rows 0 7 --page a.html",
        "baler-vae explore interpolate a.bvmodel a.root --means 'pt > 100' 'pt < 20'",
    ),
    "explore traverse": (
        "baler-vae explore traverse jets.bvmodel --page jets.html",
        "baler-vae explore traverse jets.bvmodel jets.root:Events --row 3 -o moved.csv",
    ),
    "explore score": (
        "baler-vae explore score jets.bvmodel jets.root:Events -o scores.root",
        "baler-vae explore score a.bvmodel qcd.root -o s.parquet --against new.root",
    ),
    "explore distance": (
        "baler-vae explore distance jets.root:Events sample.root --page lab.html",
        "baler-vae explore distance a.root:Events a.bvae --columns 'Jet_*'",
    ),
    "explore sweep": (
        "baler-vae explore sweep project.toml --workers 2",
        "baler-vae explore sweep mine -o sweep --resume --page laboratory.html",
    ),
}


def examples(verb: str) -> str:
    """The end of the help of a verb, a paragraph for each line."""
    return "\n\n".join(("Examples:", *EXAMPLES[verb]))
