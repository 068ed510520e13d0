"""What can be made with what: each backend is one file against one port and sees only forms."""
