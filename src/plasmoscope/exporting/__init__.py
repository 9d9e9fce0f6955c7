"""A trained model in the form that another device or runtime wants, compared with the one it was made from."""
