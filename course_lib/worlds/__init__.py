"""What is learned from: the Playground, real environments beside it, recorded films."""
