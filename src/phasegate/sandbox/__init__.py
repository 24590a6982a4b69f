"""The seam to process isolation: generated code runs here and nowhere else."""
