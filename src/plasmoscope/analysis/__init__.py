"""From photographs of fields to a count with an interval."""
