"""Numbered steps that bring an old state up to date, one file each; they read and write plain JSON and never change."""
