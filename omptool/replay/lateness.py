"""How late rows were played: a histogram of fixed size, so that a replay may run for months. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_PER_OCTAVE = 16
_BUCKETS = 64 * _PER_OCTAVE
_UNIT_NS = 1000


class Lateness:
    """Rows by how late they were; percentiles are exact to 5 %, the maximum is exact."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BUCKETS, np.int64)
        self.max_ns = 0

    @property
    def rows(self) -> int:
        """Rows noted so far."""
        return int(self._counts.sum())

    def note(self, late_ns: npt.NDArray[np.int64]) -> None:
        """Add rows; those that came early were not late."""
        late = np.maximum(late_ns, 0)
        bucket = np.ceil(_PER_OCTAVE * np.log2(late / _UNIT_NS + 1)).astype(np.int64)
        self._counts += np.bincount(np.minimum(bucket, _BUCKETS - 1), minlength=_BUCKETS)
        self.max_ns = max(self.max_ns, int(late.max(initial=0)))

    def percentile_ns(self, share: float) -> int:
        """What a share (0…1) of the rows did not exceed; 0 without rows."""
        if not self.rows:
            return 0
        bucket = int(np.searchsorted(np.cumsum(self._counts), share * self.rows))
        return min(int((2 ** (bucket / _PER_OCTAVE) - 1) * _UNIT_NS), self.max_ns)
