"""Gradient runs: real networks, trained with Torch, whose skills are known.

=============== ==================================================================================
run             the run file: what is trained, checked, without Torch
tables          the tables of a run file
streams         the random numbers of each run
problem         what the training loop needs of whatever it trains
batches         how much of a step's batch falls to each skill
vectors         task vectors
alignment       how many parameters a gradient moves the way a skill wants
geometry        the geometry model
composition     its levels on a skill graph: products of projections
mlp             multilayer perceptrons of many runs
mlp_tables      their tables; mlp_checks and mlp_layout: what these mean for skills and units
network         layers of stacked runs, forward and backward; losses: at their outputs
tasks, parity   what they learn: powers, modular addition, sparse parities
optimizers      optimisers and learning-rate schedules
loop            one batch of runs, step by step
checkpoint      long work resumes
training        ``train``: all runs of a file into one set of learning curves
expected        what a run is predicted to do, where that can be said without fitting
summary         the main numbers of what `train` gave
needs           says how to get Torch
probe           evaluates skills during a training loop of your own
=============== ==================================================================================

Torch is imported when something is trained, not before: run files are read and checked without it.
"""

from __future__ import annotations
