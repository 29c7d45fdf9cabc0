"""contactctl doctor: is everything round contactd as it must be? One file a subject; README.rst tells more."""
