"""Business hours: when a calendar is open, and until when. Pure arithmetic, and beside it the library of holidays."""
