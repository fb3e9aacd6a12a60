"""The numbers of one interpreter: medians, ratios, verdicts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any

from case import SINGLE, Case, Probe

NOISY = 0.25
OWN = ("std", "interlock", SINGLE)


@dataclass
class Result:
    """The measurements of one case in one interpreter."""

    name: str
    title: str
    unit: str
    judge: str
    target: float
    baseline: str
    samples: dict[str, list[float]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    """The peers that are not installed for this interpreter."""

    gil: bool = True
    loop_ns: float = 0.0

    @classmethod
    def of(cls, case: Case | Probe) -> Result:
        """An empty result for ``case``."""
        return cls(case.name, case.title, case.unit, case.judge, case.target, case.baseline)

    def add(self, measured: dict[str, Any]) -> None:
        """Add what a worker printed."""
        for label, samples in measured["samples"].items():
            self.samples.setdefault(label, []).extend(samples)
        self.sizes.update(measured.get("sizes", {}))
        self.versions.update(measured["versions"])
        self.errors.update(measured["errors"])
        self.absent += measured.get("absent", [])
        self.gil, self.loop_ns = measured["gil"], measured["loop_ns"]

    def value(self, label: str) -> float | None:
        """The median of a subject's samples; None if there are none."""
        samples = self.samples.get(label)
        return median(samples) if samples else None

    @property
    def ratio(self) -> float | None:
        """Baseline / Interlock, of the medians."""
        return _divide(self.value(self.baseline), self.value("interlock"))

    @property
    def failed(self) -> bool:
        """Whether the standard library's or Interlock's measurement failed (a peer's does not count)."""
        return any(label in self.errors for label in ("all", *OWN))

    @property
    def ok(self) -> bool:
        """Whether Interlock was measured and meets the target."""
        own = self.value("interlock")
        if own is None or self.failed:
            return False
        if self.judge == "ratio":
            return self.ratio is not None and round(self.ratio, 2) >= self.target
        return own <= self.target if self.judge == "at most" else own >= self.target

    @property
    def slower(self) -> bool:
        """Whether Interlock is more than one percent worse than its baseline."""
        return self.judge == "ratio" and self.ratio is not None and self.ratio < 0.99

    @property
    def peers(self) -> dict[str, float]:
        """The peers' medians, best first."""
        own = {label: median(s) for label, s in self.samples.items() if s and label not in OWN}
        return dict(sorted(own.items(), key=lambda item: item[1]))

    def peer_ratio(self, peer: str) -> float | None:
        """Peer / Interlock: Interlock is faster if this is above one."""
        return _divide(self.value(peer), self.value("interlock"))

    @property
    def noisy(self) -> bool:
        """Whether the middle half of the ratio's samples spreads over more than a quarter of their median."""
        return any(self.spread(label) > NOISY for label in (self.baseline, "interlock"))

    def spread(self, label: str) -> float:
        """Interquartile range / median."""
        samples = self.samples.get(label, [])
        if len(samples) < 4:
            return 0.0
        low, _, high = quantiles(samples, n=4)
        return (high - low) / median(samples)

    def plain(self) -> dict[str, Any]:
        """For the JSON file."""
        medians = {label: median(samples) for label, samples in self.samples.items() if samples}
        spreads = {label: self.spread(label) for label in self.samples}
        return asdict(self) | {"medians": medians, "spreads": spreads, "ratio": self.ratio, "ok": self.ok}


def _divide(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None
