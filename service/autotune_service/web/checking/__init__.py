"""Large bodies are checked in processes of their own, and only what was found right is read in this one."""
