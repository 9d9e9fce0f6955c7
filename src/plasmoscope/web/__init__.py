"""The workstation: a web page and an HTTP interface to the records of slides."""
