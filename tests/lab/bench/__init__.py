"""The latency and load figures: contactd beside the same Asterisk's app_queue, in one run, by one method."""
