"""Modular against non-modular: what a split into modules gains, and what a wrong one costs.

=============== ==================================================================================
comparison      ``compare_modularity``
result          what was found, as a dataset; summary: as plain numbers
partition       skills in modules, with shares: given, checked
proposals       ladders, random and wrong partitions, those that a graph suggests
requests        which partitions were asked for
ways            one pool on three mixtures, and partitions
variants        scenarios made from one
simulated       when skills are mastered, and losses
balanced        demand-balanced sampling
floor           the step-size floor of SignGD
regime          what the time of one pool grows with, and by which rule that is told
scaling         total times over the number of skills
misassignment   skills in the wrong module
trained         the same with gradient runs
=============== ==================================================================================
"""

from domino_sim.modularity.comparison import compare_modularity
from domino_sim.modularity.partition import Partition
from domino_sim.modularity.summary import summarise

__all__ = ["Partition", "compare_modularity", "summarise"]
