"""Training: TRL's SFTTrainer as it is for original and retain models, UnlearnTrainer for everything else."""
