"""The waist: the five forms of work between what people wrote and what backends make, and the SQL algebra."""
