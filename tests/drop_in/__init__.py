"""Other libraries' readers over files that nearline opens."""
