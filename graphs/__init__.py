"""The workflows: in what order the team works, and who decides."""
