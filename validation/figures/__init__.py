"""The figures of the paper, a module each: ``FIGURE`` and ``check(setting) -> Checked``."""
