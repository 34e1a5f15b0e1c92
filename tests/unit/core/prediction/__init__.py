"""Tests of `cjo_stream/core/prediction`."""
