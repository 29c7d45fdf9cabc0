"""Voice: Asterisk over AMI and FastAGI. Turns what it says into inputs, and commands into actions."""
