"""How much of a thing somebody has done: counted in this process, or in Redis for many servers."""
