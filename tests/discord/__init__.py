"""A Discord of our own: the parts of its API that Gradebell uses, on loopback."""
