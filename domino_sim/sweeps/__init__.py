"""Sweeps: many scenarios or gradient runs, resumable, on one machine or a cluster.

=============== ==================================================================================
axes            what is varied: lists, ranges and drawn points as axes
points          the points of a sweep, numbered, made when they are asked for
subject         the scenario or run file that is swept
plan            subject, points, engine and what is kept: all that the numbers depend on
blocks          which points are worked on together
task            what a worker gets, and the rows it gives back
worker          a worker's side: one task, solved
clock_points    scenarios that differ in numbers, as one batch of the clock engine
single_points   scenarios one by one
gradient_points gradient runs side by side
summary         the main numbers of a point
start           how a worker process begins
executors       where tasks run: processes, Dask, any executor
coordinator     tasks out, rows in; workers that die
store           the SQLite file
storage_form    its tables
sweeping        ``sweep``
swept           ``Sweep``: the store of a sweep, read
tables          rows as a table, CSV and ``xarray.Dataset``
fits            power laws, with intervals
=============== ==================================================================================
"""
