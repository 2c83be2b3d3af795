"""Atoms to exit waves: potentials, frozen phonons, multislice (torch)."""

from construction_zone.simulate.grid import Grid, fourier_resample
from construction_zone.simulate.plan import Estimate
from construction_zone.simulate.run import exit_waves, plan_exit_waves
from construction_zone.simulate.waves import ExitWaves

__all__ = ["Estimate", "ExitWaves", "Grid", "exit_waves", "fourier_resample", "plan_exit_waves"]
