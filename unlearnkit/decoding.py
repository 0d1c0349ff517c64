"""Models that unlearn while decoding: the logits of two make one, which generates, scores, saves and loads as any.

WHP (Eldan and Russinovich, arXiv 2310.02238; MUSE, arXiv 2407.06460) lowers what a model reinforced on the forget set
says louder than the target model. ULD (arXiv 2406.08607) subtracts the logits of an assistant that knows the forget set
alone (training/assistant.py makes one). A further combination is one more function in RULES.
"""

import math
from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import cross_entropy, relu
from transformers import AutoConfig, AutoModelForCausalLM, GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache
from transformers.modeling_outputs import CausalLMOutputWithPast

from unlearnkit.errors import KitError, nearest


def whp(target: Tensor, other: Tensor, alpha: float) -> Tensor:
    """WHP: v_target - alpha * ReLU(v_reinforced - v_target), elementwise; a token that both like as much stays.

    Source: jaechan-repo/muse_bench 54719c5, whos_harry_potter.py. MUSE's formula has probabilities and no ReLU.
    """
    return target - alpha * relu(other - target)


def candidates(target: Tensor, filter: float) -> Tensor:
    """The relative filter: which tokens are likely enough under the target that the assistant has a say. Boolean.

    log p >= min(log p of the k-th best token, largest log p + ln filter), k = filter * vocabulary, at least 1. A filter
    of 0 is none. Source: UCSB-NLP-Chang/ULD 858608c, gen_util.py. KitError: a filter outside of [0, 1).
    """
    if not 0 <= filter < 1:
        raise KitError(f"filter: {filter} is not in [0, 1)")
    if filter == 0:
        return target.new_ones(target.shape, dtype=bool)
    logp = target.log_softmax(-1)
    best = logp.topk(max(1, int(filter * logp.shape[-1])), dim=-1).values
    least = best[..., -1:].minimum(best[..., :1] + math.log(filter))
    return logp >= least


def uld(target: Tensor, other: Tensor, alpha: float, filter: float) -> Tensor:
    """ULD, Eq. 2: v_target - alpha * v_assistant for candidates. For all other tokens the assistant counts as uniform:
    they are lowered by alpha * (logsumexp(v_assistant) - ln vocabulary), the level of uniform logits of that sum.

    An assistant without an opinion, uniform, then changes nothing, however high its logits are, which is arbitrary.
    Every token keeps a finite log-probability, so that one distribution serves generation and scoring.
    """
    target, other = target.float(), other.float()
    level = other.logsumexp(-1, keepdim=True) - math.log(other.shape[-1])
    return target - alpha * other.where(candidates(target, filter), level)


def uld_release(target: Tensor, other: Tensor, alpha: float, filter: float) -> Tensor:
    """As released, for scores (contrastllm.py): the other tokens keep their logits, as if the assistant's were 0 there.

    What 0 means depends on the level of the assistant's logits: a uniform one at another level changes the target.
    """
    target, other = target.float(), other.float()
    return target - alpha * other * candidates(target, filter)


def uld_release_spoken(target: Tensor, other: Tensor, alpha: float, filter: float) -> Tensor:
    """As released, for generation (gen_util.py): all tokens but candidates have the logit -1000 and are never said.

    The release then takes the argmax of logits times filter, so that where all candidates are negative a token with 0,
    a filtered one, is said; not reproduced. Its sampling crashes; ours samples from this.
    """
    target, other = target.float(), other.float()
    return (target - alpha * other).where(candidates(target, filter), -1e3)


def minus(target: Tensor, other: Tensor) -> Tensor:
    """The difference of two models' logits, which is no distribution to speak from but what `offset` adds."""
    return target - other


def offset(target: Tensor, other: Tensor, alpha: float) -> Tensor:
    """Offset: v_target + alpha * v_other; `other` is a pair by `minus`, an assistant after training and before.

    Source: Offset Unlearning (arXiv 2404.11045), ULD's baseline.
    """
    return target + alpha * other


# rule -> (target's logits, other model's logits, the rule's parameters) -> logits, all (batch, length, vocabulary)
RULES: dict[str, Callable[..., Tensor]] = {
    "whp": whp,
    "uld": uld,
    "uld_release": uld_release,
    "uld_release_spoken": uld_release_spoken,
    "minus": minus,
    "offset": offset,
}
# Rules whose authors generate from another distribution than they score: rule -> the one for generation.
SPOKEN = {"uld_release": "uld_release_spoken"}


def parameters_of(rule: str) -> list[str]:
    """The names of what a rule of RULES needs besides logits."""
    return [name for name in RULES[rule].__annotations__ if name not in ("target", "other", "return")]


class PairConfig(PreTrainedConfig):
    """Two causal language models and how their logits are combined: a rule of RULES and its parameters."""

    model_type = "unlearnkit_pair"
    sub_configs = {"target": AutoConfig, "other": AutoConfig}  # noqa: RUF012  (transformers' own convention)

    def __init__(self, target=None, other=None, rule: str = "whp", parameters: dict | None = None, **kwargs):
        self.target, self.other = (
            AutoConfig.for_model(**one) if isinstance(one, dict) else one for one in (target, other)
        )
        self.rule, self.parameters = rule, parameters or {}
        if self.target is not None:
            # One cache holds the layers of both models, so whatever handles a cache handles this one.
            kinds = [_layer_types(one) for one in (self.target, self.other)]
            kwargs |= {
                "num_hidden_layers": len(kinds[0]) + len(kinds[1]),
                "layer_types": kinds[0] + kinds[1],
                "sliding_window": getattr(self.target, "sliding_window", None),
                "vocab_size": self.target.vocab_size,
                "hidden_size": self.target.hidden_size,
            }
            kwargs |= {name: getattr(self.target, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
            windows = [getattr(one, "max_position_embeddings", None) for one in (self.target, self.other)]
            if any(windows):  # what reads a model's window from its configuration finds that of both
                kwargs["max_position_embeddings"] = min(filter(None, windows))
        super().__init__(**kwargs | {"tie_word_embeddings": False})


def _layer_types(config) -> list[str]:
    layers = DynamicCache(config=config).layers
    return ["sliding_attention" if layer.is_sliding else "full_attention" for layer in layers]


class PairModel(PreTrainedModel, GenerationMixin):
    """A target model whose logits another model corrects. `pair` builds one; `models.save` and `models.load` take it.

    The tokenizer is the target's. Only the target's own weights make sense to train, and nothing here trains them.
    """

    config_class = PairConfig
    base_model_prefix = ""
    _supports_sdpa = True
    _supports_flash_attn = True

    def __init__(self, config: PairConfig, target=None, other=None):
        super().__init__(config)
        for given in filter(None, (target, other)):
            for module in given.modules():
                module._is_hf_initialized = True  # or `post_init` may draw new weights for it
        self.target = target if target is not None else AutoModelForCausalLM.from_config(config.target)
        self.other = other if other is not None else AutoModelForCausalLM.from_config(config.other)
        self.post_init()

    def get_input_embeddings(self):
        return self.target.get_input_embeddings()

    def get_output_embeddings(self):
        return None  # the logits are those of no single head

    @property
    def speaker(self) -> "PairModel":
        """The model that generates: this one, but for a rule in SPOKEN one of the same two models by the other rule."""
        if self.config.rule not in SPOKEN:
            return self
        speaker = pair(self.target, self.other, SPOKEN[self.config.rule], **self.config.parameters)
        speaker.generation_config = self.generation_config
        return speaker

    def generate(self, *args, **kwargs):
        """As any causal language model."""
        speaker = self.speaker
        return super().generate(*args, **kwargs) if speaker is self else speaker.generate(*args, **kwargs)

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        past_key_values: Cache | None = None,
        labels=None,
        use_cache: bool | None = None,
        logits_to_keep=0,
        **kwargs,
    ) -> CausalLMOutputWithPast:
        """As any causal language model; the loss is the mean cross-entropy of the labels, shifted by one.

        KitError: a cache with other than both models' layers.
        """
        wanted = past_key_values is not None or use_cache
        cache = past_key_values if past_key_values is not None else DynamicCache()
        if not cache.layers:  # one that grows when it is written to: a part of it would grow alone
            cache.layers = DynamicCache(config=self.config).layers
        if len(cache.layers) != self.config.num_hidden_layers:
            raise KitError(
                f"a cache of {len(cache.layers)} layers: the two models together have {self.config.num_hidden_layers}"
            )
        count = len(_layer_types(self.config.target))
        logits = [
            model(
                input_ids=input_ids,
                attention_mask=attention_mask,
                position_ids=position_ids,
                past_key_values=_part(cache, layers) if wanted else None,
                use_cache=bool(wanted),
                logits_to_keep=logits_to_keep,
                **kwargs,
            ).logits
            for model, layers in ((self.target, slice(count)), (self.other, slice(count, None)))
        ]
        combined = RULES[self.config.rule](*logits, **self.config.parameters)
        loss = None
        if labels is not None:
            loss = cross_entropy(combined[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())
        return CausalLMOutputWithPast(loss=loss, logits=combined, past_key_values=cache if wanted else None)


def _part(cache: Cache, layers: slice) -> DynamicCache:
    """One model's layers of a shared cache; they are the same objects, so what is written there is in the cache."""
    part = DynamicCache()
    part.layers = cache.layers[layers]
    return part


def pair(target, other, rule: str, **parameters: float) -> PairModel:
    """The model whose logits are `RULES[rule]` of the logits of `target` and `other`; it keeps both, no copies.

    KitError: no such rule, parameters that the rule does not have, or two vocabularies.
    """
    if rule not in RULES:
        raise KitError(f"no rule '{rule}' combines two models{nearest(rule, RULES)}")
    names = parameters_of(rule)
    for name in parameters.keys() ^ set(names):
        what = "it needs" if name in names else "it has no"
        raise KitError(f"rule '{rule}': {what} '{name}'{nearest(name, names)}")
    sizes = [model.config.vocab_size for model in (target, other)]
    if sizes[0] != sizes[1]:
        raise KitError(f"rule '{rule}': vocabularies of {sizes[0]} and {sizes[1]} tokens cannot be combined")
    config = PairConfig(target.config.to_dict(), other.config.to_dict(), rule, parameters)
    model = PairModel(config, target, other)
    model.generation_config = target.generation_config
    return model.train(target.training)


AutoConfig.register(PairConfig.model_type, PairConfig)
AutoModelForCausalLM.register(PairConfig, PairModel)
