"""The clip store, transforms that move image and truth together, loaders, and one reader a real dataset."""
