"""``call: mcp``. Only ``client`` and what it imports need the packages of the extra ``mcp``."""
