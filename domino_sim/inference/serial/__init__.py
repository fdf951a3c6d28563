"""The graph behind curves of a serial pool (the law ``domino``): one skill after another.

There is no clock in which skills decouple. What a run tells is in which order skills were served:
each time the most frequent of those that were open (``docs/inference.md``, "One skill at a time").
"""

from domino_sim.inference.serial.inferred import infer_serial

__all__ = ["infer_serial"]
