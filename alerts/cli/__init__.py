"""The `gradebell` command: thin, one function a command."""
