"""Other audit packages, on twins of the benchmarks' table: `./run bench` installs them, nothing else imports them."""
