"""The page and the API: search an index in a browser, see why each moment was found."""
