"""Physics of articulated characters in ground contact; knows no scene."""
