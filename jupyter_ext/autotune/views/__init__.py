"""The text, tables and pictures in which users see the replies of the service."""
