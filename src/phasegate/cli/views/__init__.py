"""What people see: values from below, as rich renderables."""
