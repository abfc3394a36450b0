"""Real connections on loopback, closed in every way there is a front end for."""
