"""The circle: one inbox, one writer, a spool, an appender. It owns the live floor."""
