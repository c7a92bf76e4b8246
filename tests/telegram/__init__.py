"""A Telegram of our own: the parts of its Bot API that Gradebell uses, on loopback."""
