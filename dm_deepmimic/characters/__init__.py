"""Characters in other programs' formats."""
