"""A container engine without containers: the API of Docker and Podman, with processes of this host."""
