"""The command line: the one place where core, providers and screen are put together."""
