"""Running images: one for a look, or several together as a stack that is proved and then gone."""
