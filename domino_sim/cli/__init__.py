"""The command line: ``domino-sim run | compare | train | show | list | schema``.

========== =====================================================================
app        the commands, their options and how errors end the program
jobs       scenario arguments -> checked scenarios, labels and folders; running them
output     result folders that are replaced as a whole or not at all
run        ``run`` and ``compare``
train      ``train``
show       ``show``, ``list`` and ``schema``
tables     what is printed
========== =====================================================================
"""

from domino_sim.cli.app import app, main

__all__ = ["app", "main"]
