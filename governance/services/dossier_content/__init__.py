"""What a dossier says, gathered from the records, one module a part of the document.

Must never soften a record: what is missing, stale or damaged is said to be.
"""
