"""What a person reads: the reference of the config in the terminal, and the pages of the manual that are made from code."""
