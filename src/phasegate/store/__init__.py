"""The seam to the database: one engine, its pragmas, its schema."""
