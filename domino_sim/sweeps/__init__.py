"""Sweeps: many scenarios or gradient runs, resumable, on one machine or a cluster.

=============== ==================================================================================
axes            what is varied: lists, ranges and drawn points as axes; drawing: such points
points          the points of a sweep, numbered, made when they are asked for
subject         the scenario or run file that is swept
plan            subject, points, engine and what is kept: all that the numbers depend on
checking        ``make_plan``: what is refused before anything runs
blocks          which points are worked on together
task            what a worker gets, and the rows it gives back
worker          a worker's side: one task, solved
clock_points    scenarios that differ in numbers, as one batch of the clock engine
single_points   scenarios one by one
gradient_points gradient runs side by side
last_step       the last step of a run, also where it is not recorded
summary         the main numbers of a point
start           how a worker process begins
executors       where tasks run: processes, Dask, any executor
coordinator     tasks out, rows in; workers that die
store           the SQLite file
storage_form    its tables; opening: its file, told from others, locked
sweeping        ``sweep``
swept           ``Sweep``: the store of a sweep, read
tables          rows as a table and CSV; dataset: as an ``xarray.Dataset``
outcome         never, failed or not done
fits            power laws, with intervals; scaling: those of a sweep
=============== ==================================================================================
"""
