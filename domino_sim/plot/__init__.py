"""Figures of a run: levels, the graph, who has the resource, and the domino strip.

Skills are drawn in order of mastery, and coloured by it where there are too many for colours of
their own; all colours can be told apart by the colour-blind. Nothing here touches pyplot, so
figures can be made in any thread and without a display.
"""

from domino_sim.plot.curves import levels, share, strip
from domino_sim.plot.figures import compare_figure, graph_figure, run_figure, save_figure
from domino_sim.plot.skill_graph import graph

__all__ = [
    "compare_figure",
    "graph",
    "graph_figure",
    "levels",
    "run_figure",
    "save_figure",
    "share",
    "strip",
]
