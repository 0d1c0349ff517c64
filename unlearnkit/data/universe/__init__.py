"""The universe: the kit's own small data set, written for it, in TOFU's schema.

`pools.py`, `phrases.py` and `phrases_work.py` hold the words, `facts.py` the true general facts, `generate.py` turns
them and one seed into `files/`, which is committed; a test regenerates it.
"""
