"""The paper, checked: its figures drawn anew, gradient runs and simulator beside its numbers.

``python -m validation`` runs it from the checkout; it is not installed. A figure of the paper is a
module of ``figures/``, what the paper lacks a module of ``beyond/``; ``studies/`` holds the longer
studies behind the documents.
"""
