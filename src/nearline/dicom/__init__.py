"""What the bytes of a DICOM object mean: headers, where frames lie, how they are decoded."""
