"""Bases of the reference, found again in sequences, tokens and rows."""

import random
from pathlib import Path

import numpy as np
import pytest
from genome_files import record
from small_model import SmallWorld, random_person_lines

from variantformer_hf.genome.interval import reverse_complement
from variantformer_hf.zoo.gene_regions import gene_sequences
from variantformer_hf.zoo.variantformer.gene_places import GenePlaces


@pytest.mark.parametrize("gene", ["PLUS", "MINUS"])
def test_every_base_is_in_its_token(world: SmallWorld, gene: str) -> None:
    person = world.person(random_person_lines(random.Random(4), world.genome, 25), f"places{gene}")
    regions, processor = world.regions(gene), world.predictor.processor
    sequences = gene_sequences(regions, person.sequences)
    tokenizer = processor.tokenizer
    places = GenePlaces(person, regions, processor)
    deleted = seen = unseen = 0
    touched = {
        at for line in random_person_lines(random.Random(4), world.genome, 25)
        for at in range(int(line.split("\t")[1]) - 1, int(line.split("\t")[1]) - 1 + len(line.split("\t")[3]))
    }  # fmt: skip
    for position in range(1_700, 3_700, 7):
        for place in places.locate(position):
            text = sequences.gene_sequence if place.element is None else sequences.cre_sequences[place.element]
            tokens = tokenizer.encode_sequences([text])[0]
            if place.position is None:
                deleted += 1
                assert position in touched
                continue
            letter = text[place.position]
            if position not in touched:
                wanted = world.genome[position]
                assert letter == (reverse_complement(wanted) if gene == "MINUS" else wanted)
            lengths = [len(tokenizer.convert_ids_to_tokens(int(token))) for token in tokens]
            ends = np.cumsum(lengths)
            assert place.token == int(np.searchsorted(ends, place.position, side="right"))
            row = place.token // processor.token_length
            if place.element is None:
                assert place.window_row == row
                assert place.seen == (row < processor.max_gene_windows)
            else:
                assert place.window_row is None
                assert place.seen == (row == 0)
            seen, unseen = seen + place.seen, unseen + (not place.seen)
    assert deleted
    assert seen
    assert unseen


def test_a_base_in_no_region_has_no_place(world: SmallWorld, tmp_path: Path) -> None:
    line = record(10, world.genome[9], "A" if world.genome[9] != "A" else "C", "1/1")
    places = GenePlaces(world.person([line], "nowhere"), world.regions("PLUS"), world.predictor.processor)
    assert places.locate(10) == []
