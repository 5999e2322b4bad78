"""What users see of replies: text, tables and pictures."""
