"""What is said to people, in their language: the languages, the sentences by their codes, and numbers and dates."""
