"""The dialect DSL 1.0: its documents compiled to plans."""
