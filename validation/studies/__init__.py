"""The longer studies behind the documents: ``python -m validation.studies`` prints their tables."""
