"""Small tools of this project; noxfile.py says which task runs them."""
