"""Where rooms and their logs are kept. One contract (`base`), one implementation a module."""
