"""What is fuzzed: every place where bytes from strangers become something, each as one function of bytes.

A target returns when the bytes were read or refused in the documented way; every other exception is a defect. The same
targets serve the quick mutations of the CI tier and the coverage-guided runs of `--full`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz import files, wire

Seeds = Callable[[], list[bytes]]


@dataclass(frozen=True)
class Target:
    """`run` reads the bytes; `seeds` are valid ones to start from."""

    name: str
    run: Callable[[bytes], None]
    seeds: Seeds


TARGETS = {
    target.name: target
    for target in (
        Target("publish", wire.publish, wire.publish_seeds),
        Target("republish", wire.republish, wire.republish_seeds),
        Target("browse", wire.browse, wire.browse_seeds),
        Target("read", wire.read, wire.read_seeds),
        Target("items", wire.items, wire.items_seeds),
        Target("variant", wire.variant, wire.variant_seeds),
        Target("structure", wire.structure, wire.structure_seeds),
        Target("dictionary", wire.dictionary, wire.dictionary_seeds),
        Target("definition", wire.definition, wire.definition_seeds),
        Target("arrow", files.arrow, files.arrow_seeds),
        Target("commit", files.commit, files.commit_seeds),
        Target("entries", files.entries, files.entries_seeds),
        Target("segment", files.segment, files.segment_seeds),
        Target("interval", files.interval, files.interval_seeds),
        Target("summary", files.summary, files.summary_seeds),
        Target("types", files.types, files.types_seeds),
        Target("nodes", files.nodes, files.nodes_seeds),
        Target("recover", files.recovery, files.segment_seeds),
        Target("delta", files.delta, files.delta_seeds),
        Target("settings", files.settings, files.settings_seeds),
    )
}
