"""The back office: what the centre remembers and works on beside the floor. Media ask it; it never reaches for them."""
