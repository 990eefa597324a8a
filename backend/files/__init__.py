"""What is written: the result folder and the files in it."""
