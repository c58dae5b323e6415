"""What stages leave to worker processes, as jobs whose results are found again; a file for each stage that has any."""
