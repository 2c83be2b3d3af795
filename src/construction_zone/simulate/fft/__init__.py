"""Fast single-precision Fourier transforms for one CPU thread, with what multislice and imaging do on their way."""

from construction_zone.simulate.fft.passes import Plan, plan

__all__ = ["Plan", "plan"]
