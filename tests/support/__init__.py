"""What the tests stand on: a server, workers, a stub service, and the oracle."""
