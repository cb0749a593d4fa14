"""How the site is made: its parts, the engine that makes what is not there yet, the chrome, the search, and whether what came out is whole."""
