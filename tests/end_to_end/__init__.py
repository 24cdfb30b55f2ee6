"""The main job as users type it, once per server."""
