"""Atoms to exit waves: potentials, frozen phonons, multislice (torch)."""

from construction_zone.simulate.convergence import Convergence, phonons_needed
from construction_zone.simulate.grid import Grid, fourier_resample
from construction_zone.simulate.phonons import rms_from_b
from construction_zone.simulate.plan import Estimate
from construction_zone.simulate.run import exit_wave_variants, exit_waves, plan_exit_waves
from construction_zone.simulate.specimen_tilt import tilted
from construction_zone.simulate.waves import ExitWaves

__all__ = [
    "Convergence",
    "Estimate",
    "ExitWaves",
    "Grid",
    "exit_wave_variants",
    "exit_waves",
    "fourier_resample",
    "phonons_needed",
    "plan_exit_waves",
    "rms_from_b",
    "tilted",
]
