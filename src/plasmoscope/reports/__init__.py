"""Results as files for people and programs: tables and annotated pictures."""
