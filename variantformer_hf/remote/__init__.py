"""Files elsewhere: read by range into a mirror on this machine, and written whole; only where an address is given."""
