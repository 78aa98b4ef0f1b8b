"""``call: asyncapi``: messages published to, and consumed from, what an AsyncAPI document describes."""
