"""Legal profiles as data, and the one function that decides a verdict."""
