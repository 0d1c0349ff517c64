"""What happens beside the optimiser steps: progress for the command line, and measuring the model at certain steps."""

import contextlib
import time
from collections.abc import Callable

from transformers import TrainerCallback


class Progress(TrainerCallback):
    """Tell `report(step, steps)` after every optimiser step."""

    def __init__(self, report: Callable[[int, int], None]):
        self.report = report

    def on_step_end(self, args, state, control, **kwargs):
        self.report(state.global_step, state.max_steps)


class Probe(TrainerCallback):
    """Call `measure(model, step)` after every step for which `when(step)` is true.

    Training does not notice, unless it returns True: then it ends after this step.
    """

    def __init__(self, measure: Callable, when: Callable[[int], bool]):
        self.measure, self.when = measure, when
        self.seconds = 0.0

    def on_step_end(self, args, state, control, model=None, **kwargs):
        if self.when(state.global_step):
            started = time.perf_counter()
            with untouched(model):
                if self.measure(model, state.global_step):
                    control.should_training_stop = True
            self.seconds += time.perf_counter() - started


@contextlib.contextmanager
def untouched(model):
    """Evaluate in between: the model's mode and every random state are afterwards what they were before.

    A mixture returns no router logits meanwhile: TRL switches them on for training, and transformers' loss on them
    cannot read a continuation whose prompt is cached.
    """
    import random

    import numpy
    import torch

    training, routers = model.training, getattr(model.config, "output_router_logits", None)
    states = random.getstate(), numpy.random.get_state()
    devices = list(range(torch.cuda.device_count()))
    try:
        with torch.random.fork_rng(devices=devices), torch.no_grad():
            model.eval()
            if routers:
                model.config.output_router_logits = False
            yield
    finally:
        if routers:
            model.config.output_router_logits = True
        model.train(training)
        random.setstate(states[0])
        numpy.random.set_state(states[1])
