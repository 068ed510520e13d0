"""Files of other tools, in the words of mlspec."""
