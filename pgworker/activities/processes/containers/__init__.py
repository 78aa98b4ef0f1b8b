"""Containers, run by the Docker or Podman of this host through the HTTP API on its Unix socket."""
