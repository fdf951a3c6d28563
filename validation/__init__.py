"""The program checked: gradient runs against predictions against published numbers.

``python -m validation`` runs every topic from the checkout; it is not installed.
"""
