"""Importing this loads the compiled kernels of a prediction; processes that are forked later have them.

They also look for no garbage in what was imported before.
"""

import gc
import random
import tempfile
from pathlib import Path

from small_model import random_person_lines, small_world

with tempfile.TemporaryDirectory() as name:
    world = small_world(Path(name))
    person = world.person(random_person_lines(random.Random(0), world.genome))
    assert person.sequences([("chr1", 0, 40)])
    vcf = world.folder / "person.vcf.gz"
    assert world.predictor.predict(world.reference.path, vcf)["log1p_tpm"].notna().any()
gc.freeze()
