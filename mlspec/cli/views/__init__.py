"""What people and machines get to see; nothing else prints."""
