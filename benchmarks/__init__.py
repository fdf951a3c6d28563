"""Speed and memory, each measured in one run against a stated baseline or limit.

``python -m benchmarks [NAME …] [--quick] [--json FILE]``; one module a topic.
"""
