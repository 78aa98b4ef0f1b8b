"""``call: grpc``. Only ``client`` and what it imports need the packages of the extra ``grpc``."""
