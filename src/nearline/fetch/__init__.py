"""Movement: plans of requests, the engine that carries them out, and open objects."""
