"""``python -m variantformer_hf`` is the command ``variantformer``; launchers of several processes start it so."""

from .cli import main

if __name__ == "__main__":
    main()
