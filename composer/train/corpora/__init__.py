"""Readers of the collections that the networks learn from; each gives `Piece`s, `build` makes `Song`s of them."""
