"""Many files at once: what is found where (walk, archives), who works on it (pool), what is remembered (state)."""
