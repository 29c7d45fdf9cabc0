"""Mail that is answered: what is written (writing.py), and how it is handed to a mail server (post.py)."""
