"""Extensions of Sphinx that this documentation needs: notebooks, pictures, blocks of code, and the reference."""
