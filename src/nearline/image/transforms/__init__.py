"""From stored values to what is shown: highdicom's pixel transforms, one file each."""
