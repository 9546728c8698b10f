"""The REST service: loads published artifacts and reads digits with them. It never imports TensorFlow."""
