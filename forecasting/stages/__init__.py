"""The stages of a pipeline, a file and a function each: values in, one value out; `run` is their chain."""
