"""Calls whose words are text: the modem beside the call, the conversation, and what the caller is asked in writing."""
