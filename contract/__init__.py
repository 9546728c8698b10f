"""What service, trainer and client agree on: messages, artifact, store and normalisation."""
