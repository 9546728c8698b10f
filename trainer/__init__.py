"""The trainer: makes model artifacts from MNIST and publishes them. It never imports the service."""
