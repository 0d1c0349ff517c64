"""IDK alone, a method of one's own: template responses to forget questions, no retain data (key `own_methods`)."""

from unlearnkit.methods import Method, Term, Variant

TERMS = (Term("template_cross_entropy", over="answer_tokens"),)
PAPER = Variant(TERMS, "A Closer Look (arXiv 2410.08109), targeted unlearning without a retain loss")
METHODS = {"idk": Method("IDK", {"paper": PAPER})}
