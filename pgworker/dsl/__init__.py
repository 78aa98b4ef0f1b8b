"""Documents in: loading, diagnostics, and the dialects that compile them to plans."""
