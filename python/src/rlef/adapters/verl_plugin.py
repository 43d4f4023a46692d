"""Named in `VERL_USE_EXTERNAL_MODULES`: tells verl of the estimator and the agent loop as soon as verl is there."""

from rlef.adapters.verl import install

install()
