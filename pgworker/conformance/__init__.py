"""The conformance kit: feature files of the specification, run on this engine."""
