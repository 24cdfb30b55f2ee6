"""Reads parcellations with freesurfer-stats: its own interpreter runs this.

Reads JSON: a list of paths. Writes JSON: for each, hemisphere, global measures and table by column.
"""

import json
import sys

from freesurfer_stats import CorticalParcellationStats


def read(path):
    stats = CorticalParcellationStats.read(path)
    table = stats.structural_measurements.set_index("structure_name")
    return {
        "hemisphere": stats.hemisphere,
        "whole": stats.whole_brain_measurements.iloc[0].to_dict(),
        "table": {name: table[name].to_dict() for name in table.columns},
    }


json.dump([read(path) for path in json.load(sys.stdin)], sys.stdout, default=float)
