"""The same work done by others: durable execution libraries, and a bare queue, on the same server.

The modules named after a peer run inside its own virtual environment; `protocol` is all they know of us.
"""
