"""Tests of `definition/advice`."""
