"""Who may do what at the desk: roles, passwords, one-time codes. For the desk's door and for contactctl."""
