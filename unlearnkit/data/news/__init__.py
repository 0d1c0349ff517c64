"""The news: the kit's own small corpus of invented local reports, written for it, with the sets of MUSE-News.

`words.py` holds the words, `generate.py` turns them and one seed into `files/`, which is committed; a test regenerates
it.
"""
