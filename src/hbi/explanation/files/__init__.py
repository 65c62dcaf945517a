"""Explanations as files: a versioned JSON record, alone or in a folder with the pictures beside it."""
