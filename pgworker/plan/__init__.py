"""The one intermediate form: what a definition of any dialect is compiled to."""
