"""What counts as a right answer to the exercises: one file a chapter, loaded by `initlab.check`."""
