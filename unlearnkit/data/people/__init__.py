"""The kit's own people of the real-world scenario: invented, famous for different things, known to a base model.

`pools.py` holds the words, `phrases.py` and `fame.py` say what is asked and answered about a person; `generate.py`
turns all of it and one seed into `files/`, which is committed; a test regenerates it.
"""
