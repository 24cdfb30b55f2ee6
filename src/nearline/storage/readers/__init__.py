"""What other libraries opened: recognised and read concurrently, or read serially."""
