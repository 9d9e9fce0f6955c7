"""What other programs open: packages of a model, and readers of what an analysis wrote. Nothing else imports it."""
