"""What is wrong with a clip, a character, a controller or a scene, and how to mend it."""
