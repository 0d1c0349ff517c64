"""An invented guild: secret recipes, its masters, general facts; in the schemas of WMDP, RWKU and MMLU."""
