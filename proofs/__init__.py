"""What we promise, tried against the real thing: `make prove`. docs/reliability.md says what was found."""
