"""The kit's own story, to be forgotten, and what it is not about: an encyclopedic text and nine small tasks.

The text is for pre-training and perplexity, the tasks are multiple-choice, in the forms that lm-eval knows.

All of it is written for the kit. `words.py` and `scenes.py` hold the story's words, `tale.py` tells it; `knowledge.py`
holds the facts, `encyclopedia.py` and `skills.py` say and ask them; `generate.py` turns all of it and one seed into
`files/`, which is committed; a test regenerates it. `tasks/` holds the task files in lm-eval's own format.
"""
