"""Images on their way between layouts, registries and Docker daemons, by digest."""
