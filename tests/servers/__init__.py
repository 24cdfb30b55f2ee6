"""Real servers on free loopback ports, each in a private folder, gone with the tests."""
