"""Figures of runs: levels, the graph, who has the resource, the domino strip; gradient runs.

Skills are drawn in order of mastery, and coloured by it where there are too many for colours of
their own; all colours can be told apart by the colour-blind. Nothing here touches pyplot, so
figures can be made in any thread and without a display.
"""

from domino_sim.plot.curves import levels, share, strip
from domino_sim.plot.figures import compare_figure, graph_figure, run_figure, save_figure
from domino_sim.plot.learning import learning_figure
from domino_sim.plot.skill_graph import graph
from domino_sim.plot.training import training_figure

__all__ = [
    "compare_figure",
    "graph",
    "graph_figure",
    "learning_figure",
    "levels",
    "run_figure",
    "save_figure",
    "share",
    "strip",
    "training_figure",
]
