"""The command line: ``domino-sim run | compare | train | curves | calibrate | …``.

================== =============================================================
app                the commands, their options and how errors end the program
fit_commands       the options of ``calibrate`` and ``forecast``
reading            the options by which curves are read, and what they come to
jobs               scenario arguments -> checked scenarios, labels and folders;
                   running them
output             result folders that are replaced as a whole or not at all
run                ``run`` and ``compare``
train              ``train``
curves             ``curves``
calibrate          ``calibrate``
forecast           ``forecast``
sweep              ``sweep``; sweep_command: its options; sweep_meter: its progress
show               ``show``, ``list`` and ``schema``
tables             what is printed
calibration_tables what ``calibrate`` and ``forecast`` print
================== =============================================================
"""

from domino_sim.cli.app import app, main

__all__ = ["app", "main"]
