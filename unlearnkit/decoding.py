"""Models that unlearn while decoding: the logits of two make one, which generates, scores, saves and loads as any.

WHP (Eldan and Russinovich, arXiv 2310.02238; MUSE, arXiv 2407.06460) lowers what a model reinforced on the forget set
says louder than the target model. A further combination is one more function in RULES.
"""

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


# rule -> (target's logits, other model's logits, the rule's parameters) -> logits, all (batch, length, vocabulary)
RULES: dict[str, Callable[..., Tensor]] = {"whp": whp}


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
        self.target = target if target is not None else AutoModelForCausalLM.from_config(config.target)
        self.other = other if other is not None else AutoModelForCausalLM.from_config(config.other)
        self.post_init()

    def get_input_embeddings(self):
        return self.target.get_input_embeddings()

    def get_output_embeddings(self):
        return None  # the logits are those of no single head

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
        """As any causal language model; the loss is the mean cross-entropy of the labels, shifted by one."""
        wanted = past_key_values is not None or use_cache
        cache = past_key_values if past_key_values is not None else DynamicCache(config=self.config)
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
    names = list(RULES[rule].__annotations__.keys() - {"target", "other", "return"})
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
