"""Passwords and tokens: hashing, signing and checking, without storage."""
