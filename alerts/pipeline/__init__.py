"""The story of one grade, one step a file."""
