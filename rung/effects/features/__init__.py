"""Selection of the features that directly cause a target."""
